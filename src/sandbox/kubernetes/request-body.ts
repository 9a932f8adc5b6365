import type { IncomingMessage } from 'node:http';
import { parse, YAMLParseError } from 'yaml';
import { badRequest, tooLarge, unsupportedMediaType } from './api-error.ts';
import { depthOf, isObject, type Json, type JsonObject } from './json.ts';
import type { Patch } from './patching.ts';
import { objectOfProtobuf, protobufType } from './protobuf-messages.ts';
import type { ResourceType } from './resource-types.ts';

/** The limit of the API server (`--max-request-bytes` is 3 MiB). */
const bodyBytesMax = 3 * 1024 * 1024;
/** What is read and thrown away of a larger body, so that its sender gets to read the answer. */
const discardedBytesMax = 64 * 1024 * 1024;
const depthMax = 200;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > discardedBytesMax) break;
  }
  if (bytes > bodyBytesMax) throw tooLarge(bodyBytesMax);
  return Buffer.concat(chunks);
}

const objectTypes = ['application/json', 'application/yaml', protobufType];

/** The object of a POST or PUT. @throws ApiError 400, 415 */
export function objectOfBody(type: ResourceType, contentType: string | undefined, body: Buffer): JsonObject {
  const value = valueOfBody(contentType, body);
  if (!isObject(value)) {
    throw badRequest(
      "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type struct",
    );
  }
  refuseOtherKind(type, value);
  return value;
}

/** A value in any of the forms that objects come in; an empty body is JSON that ends too early. @throws ApiError 400, 415 */
export function valueOfBody(contentType: string | undefined, body: Buffer): Json {
  const media = mediaType(contentType) || 'application/json';
  if (!objectTypes.includes(media)) throw unsupportedMediaType(objectTypes);
  if (media === protobufType) return objectOfProtobuf(body);
  return media === 'application/yaml' ? yamlOf(body) : jsonOf(body, "couldn't get version/kind; json parse error: ");
}

function refuseOtherKind(type: ResourceType, object: JsonObject): void {
  const { kind, apiVersion } = object;
  if (kind === undefined && apiVersion === undefined) return;
  const [version, group = ''] = String(apiVersion ?? '')
    .split('/')
    .reverse();
  if (kind === type.kind && group === type.group && type.versions.includes(version ?? '')) return;
  const expected =
    type.group === '' ? `/v1, Kind=${type.kind}` : `${type.group}/${type.versions[0]}, Kind=${type.kind}`;
  const found = `${group}/${version}, Kind=${String(kind ?? '')}`;
  throw badRequest(`the object provided is unrecognized: expected ${expected}, found ${found}`);
}

const patchKinds: Readonly<Record<string, Patch['kind']>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** The patch of a PATCH. @throws ApiError 415 for a type that the resource does not take, 400 for a malformed body */
export function patchOfBody(type: ResourceType, contentType: string | undefined, body: Buffer): Patch {
  const accepted = Object.keys(patchKinds).filter((each) => !type.isCustom || patchKinds[each] !== 'strategic');
  const media = mediaType(contentType);
  const kind = accepted.includes(media) ? patchKinds[media] : undefined;
  if (kind === undefined) throw unsupportedMediaType(accepted);
  if (kind !== 'apply') return { kind, body: jsonOf(body, 'error decoding patch: ') };
  const config = yamlOf(body);
  if (!isObject(config)) throw badRequest('error decoding YAML: an applied configuration must be an object');
  if (config['apiVersion'] === undefined || config['kind'] === undefined) {
    throw badRequest("Object 'apiVersion' and 'kind' are required in an applied configuration");
  }
  refuseOtherKind(type, config);
  return { kind, body: config };
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function jsonOf(body: Buffer, prefix: string): Json {
  try {
    return shallow(JSON.parse(body.toString('utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) throw badRequest(`${prefix}${goSyntaxError(body.toString('utf8'))}`);
    throw error;
  }
}

function yamlOf(body: Buffer): Json {
  try {
    return shallow(parse(body.toString('utf8'), { maxAliasCount: 100 }));
  } catch (error) {
    if (error instanceof YAMLParseError) throw badRequest(`error decoding YAML: ${error.message}`);
    throw error;
  }
}

function shallow(value: unknown): Json {
  if (depthOf(value, depthMax) > depthMax) throw badRequest(`json: exceeded max depth of ${depthMax}`);
  return value as Json;
}

function goSyntaxError(text: string): string {
  const first = text.trim().at(0);
  if (first === undefined) return 'unexpected end of JSON input';
  return '{["-0123456789tfn'.includes(first)
    ? 'invalid JSON'
    : `invalid character '${first}' looking for beginning of value`;
}
