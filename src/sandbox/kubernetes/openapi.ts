import { groupsOf } from './discovery.ts';
import type { Json, JsonObject } from './json.ts';
import type { ResourceType } from './resource-types.ts';

const info = { title: 'Kubernetes', version: 'v1.32.1' };

/** The index of /openapi/v3: one document for each group and version. */
export function openApiIndex(serves: readonly ResourceType[]): JsonObject {
  const names = [...groupsOf(serves)].flatMap(([group, versions]) =>
    versions.map((version) => (group === '' ? `api/${version}` : `apis/${group}/${version}`)),
  );
  return { paths: Object.fromEntries(names.map((name) => [name, { serverRelativeURL: `/openapi/v3/${name}` }])) };
}

/**
 * The v3 document of one group version, as far as kubectl reads it: that a resource takes fieldValidation and dryRun
 * on the server. Bodies and merge keys are left out on purpose, so that `kubectl apply` merges with the types compiled
 * into it instead of a poorer schema of ours. Null where the group version is not served.
 */
export function openApiV3(serves: readonly ResourceType[], group: string, version: string): JsonObject | null {
  if (!groupsOf(serves).get(group)?.includes(version)) return null;
  const types = serves.filter((type) => type.group === group);
  const paths = Object.assign({}, ...types.map((type) => pathsOf(type, version)));
  const schemas = Object.fromEntries(
    types.map((type) => [`${group || 'core'}.${version}.${type.kind}`, schemaOf(type, version)]),
  );
  return { openapi: '3.0.0', info, paths, components: { schemas } };
}

function pathsOf(type: ResourceType, version: string): JsonObject {
  const root = type.group === '' ? `/api/${version}` : `/apis/${type.group}/${version}`;
  const collection = `${root}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`;
  return {
    [collection]: { get: operation(type, version, 'list'), post: operation(type, version, 'post') },
    [`${collection}/{name}`]: {
      get: operation(type, version, 'get'),
      put: operation(type, version, 'put'),
      patch: operation(type, version, 'patch'),
      delete: operation(type, version, 'delete'),
    },
  };
}

const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
}));

function operation(type: ResourceType, version: string, action: string): Json {
  const isWrite = ['post', 'put', 'patch', 'delete'].includes(action);
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: type.group, version, kind: type.kind },
    parameters: isWrite ? writeParameters : [],
    responses: { '200': { description: 'OK' } },
  };
}

function schemaOf(type: ResourceType, version: string): Json {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    type: 'object',
    description: `${type.kind} of ${type.group === '' ? 'the core group' : type.group}.`,
    properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: open, spec: open, status: open },
    'x-kubernetes-group-version-kind': [{ group: type.group, version, kind: type.kind }],
  };
}

/** Clients ask for `...v2@v1.0+protobuf`, but that is no valid media type, so the answer is called this. */
export const openApiV2Type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** The v2 document without models: older kubectl then validates nothing on its side and leaves it to the server. */
export const openApiV2: JsonObject = { swagger: '2.0', info, paths: {} };

/** The same in the protobuf form that kubectl asks for (gnostic openapi.v2.Document: swagger = 1, info = 2, paths = 8). */
export function openApiV2Bytes(): Buffer {
  const infoBytes = Buffer.concat([textField(1, info.title), textField(2, info.version)]);
  return Buffer.concat([textField(1, '2.0'), bytesField(2, infoBytes), bytesField(8, Buffer.alloc(0))]);
}

function textField(number: number, text: string): Buffer {
  return bytesField(number, Buffer.from(text));
}

/** A length-delimited field; every part here is shorter than 128 bytes, so its length is one byte. */
function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}
