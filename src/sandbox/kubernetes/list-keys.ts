import type { JsonObject } from './json.ts';
import type { ResourceType } from './resource-types.ts';

/**
 * How the lists of a kind merge. `key` is the strategic merge key (null for lists of plain values that merge as sets),
 * `identity` are the fields that name an item in managedFields (`k:{...}`).
 */
export interface ListMerge {
  readonly key: string | null;
  readonly identity: readonly string[];
}

const byName: ListMerge = { key: 'name', identity: ['name'] };
const byType: ListMerge = { key: 'type', identity: ['type'] };

const podLists: Readonly<Record<string, ListMerge>> = {
  containers: byName,
  initContainers: byName,
  volumes: byName,
  env: byName,
  imagePullSecrets: byName,
  ports: { key: 'containerPort', identity: ['containerPort', 'protocol'] },
  volumeMounts: { key: 'mountPath', identity: ['mountPath'] },
  conditions: byType,
};

/** Lists by the kind and the field's own name, which is unambiguous in the kinds served. */
const listsByKind: Readonly<Record<string, Readonly<Record<string, ListMerge>>>> = {
  Service: { ports: { key: 'port', identity: ['port', 'protocol'] }, conditions: byType },
  Node: { conditions: byType, addresses: byType, taints: { key: 'key', identity: [] } },
  Pod: podLists,
  Deployment: podLists,
  ServiceAccount: { secrets: byName, imagePullSecrets: byName },
  Namespace: { conditions: byType },
};

const listsOfAll: Readonly<Record<string, ListMerge>> = {
  finalizers: { key: null, identity: [] },
  ownerReferences: { key: 'uid', identity: ['uid'] },
};

/** How the list in field `field` merges, or null where it is replaced as a whole. Custom kinds only replace. */
export function listMerge(type: ResourceType, field: string): ListMerge | null {
  const own = type.isCustom ? undefined : listsByKind[type.kind];
  if (own && Object.hasOwn(own, field)) return own[field] ?? null;
  return Object.hasOwn(listsOfAll, field) ? (listsOfAll[field] ?? null) : null;
}

/** The text that names an item of a keyed list in managedFields; a port without protocol is a TCP port. */
export function itemIdentity(merge: ListMerge, item: JsonObject): string {
  const fields = merge.identity.map((field) => [field, item[field] ?? (field === 'protocol' ? 'TCP' : null)]);
  return JSON.stringify(Object.fromEntries(fields));
}
