import { badRequest } from './api-error.ts';
import type { Exchange } from './exchange.ts';
import { type JsonObject, withFields } from './json.ts';
import type { KubeObject } from './kube-object.ts';
import type { ListResult } from './listing.ts';
import { acceptedRepresentation } from './media-types.ts';
import { apiVersionOf, type ResourceType } from './resource-types.ts';
import type { Target } from './routing.ts';
import { type IncludeObject, partialOf, tableOf } from './tables.ts';

/** How one client wants to see the objects of one resource. */
export interface Rendering {
  object(object: KubeObject): JsonObject;
  list(list: ListResult): JsonObject;
  /** The object of a watch event; the first one of a table carries the columns. */
  event(object: KubeObject, isFirst: boolean): JsonObject;
}

const versions = ['v1', 'v1beta1'];
const offered = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'].flatMap((as) =>
  versions.map((version) => `${as}/${version}`),
);

/** @throws ApiError 406 when no representation fits, 400 for a wrong includeObject */
export function renderingFor({ request, url }: Exchange, target: Target, now: () => number): Rendering {
  const { as, version } = acceptedRepresentation(request.headers.accept, offered);
  const apiVersion = apiVersionOf(target.type, target.version);
  if (as === 'Table') return tables(target.type, apiVersion, version, includeObject(url), now);
  const one = (object: KubeObject): JsonObject =>
    as === '' ? versioned(object, apiVersion) : partialOf(object, `meta.k8s.io/${version}`);
  const listKind = as === '' ? `${target.type.kind}List` : 'PartialObjectMetadataList';
  const listVersion = as === '' ? apiVersion : `meta.k8s.io/${version}`;
  return {
    object: one,
    event: one,
    list: (list) => ({
      kind: listKind,
      apiVersion: listVersion,
      metadata: listMetadata(list),
      items: list.items.map((item) => one(item)),
    }),
  };
}

function tables(
  type: ResourceType,
  objectVersion: string,
  version: string,
  include: IncludeObject,
  now: () => number,
): Rendering {
  const options = () => ({ apiVersion: `meta.k8s.io/${version}`, includeObject: include, nowMs: now() });
  const one = (object: KubeObject, hasHeader: boolean) => {
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    return tableOf(type, [versioned(object, objectVersion)], metadata, { ...options(), hasHeader });
  };
  return {
    object: (object) => one(object, true),
    event: one,
    list: (list) => {
      const items = list.items.map((item) => versioned(item, objectVersion));
      return tableOf(type, items, listMetadata(list), { ...options(), hasHeader: true });
    },
  };
}

function includeObject(url: URL): IncludeObject {
  const asked = url.searchParams.get('includeObject') || 'Metadata';
  if (asked === 'None' || asked === 'Metadata' || asked === 'Object') return asked;
  throw badRequest(
    `includeObject: Invalid value: ${JSON.stringify(asked)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

function versioned(object: KubeObject, apiVersion: string): KubeObject {
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

function listMetadata(list: ListResult): JsonObject {
  return withFields(
    { resourceVersion: list.resourceVersion },
    { continue: list.continue, remainingItemCount: list.remaining },
  );
}
