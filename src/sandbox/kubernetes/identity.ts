import { createHash } from 'node:crypto';
import { type JsonObject, objectAt, textAt, withFields } from './json.ts';
import { type KubeObject, kubeTime, type ObjectKey } from './kube-object.ts';

export function keyOf(object: JsonObject): ObjectKey {
  const name = textAt(object, 'metadata', 'name');
  const namespace = textAt(object, 'metadata', 'namespace');
  return namespace === '' ? { name } : { namespace, name };
}

/** The key of an object among those of its resource, in the order of etcd. */
export function shelfKey({ namespace, name }: ObjectKey): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Derived from the cluster's name and a counter: unique between clusters, the same in every run of a seed. */
export function uidOf(cluster: string, count: number): string {
  const hex = createHash('sha256').update(`${cluster}/${count}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** `object` with the name that its generateName asks for, made of the uid it will have. */
export function withGeneratedName(object: JsonObject, uid: string): JsonObject {
  const metadata = objectAt(object, 'metadata');
  const prefix = textAt(metadata, 'generateName');
  if (textAt(metadata, 'name') !== '' || prefix === '') return object;
  return withFields(object, { metadata: { ...metadata, name: `${prefix}${uid.slice(0, 5)}` } });
}

/** `object` marked for deletion, which it then waits for. */
export function markedDeleted(object: KubeObject, now: number): KubeObject {
  const metadata = { ...object.metadata, deletionTimestamp: kubeTime(now), deletionGracePeriodSeconds: 0 };
  if (object.kind !== 'Namespace') return { ...object, metadata };
  return { ...object, metadata, status: { ...objectAt(object.status), phase: 'Terminating' } };
}
