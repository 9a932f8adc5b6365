import { type Fields, fieldsOf, listOf } from './gateway/finding.ts';

/** An object of Istio's configuration, as far as it is copied. */
export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly spec: Fields;
}

export type Labels = Readonly<Record<string, string>>;

export function placeOfObject({ kind, metadata: { namespace, name } }: Pick<MeshObject, 'kind' | 'metadata'>): string {
  return `${kind} ${namespace}/${name}`;
}

/** Null for what has no name: then it is no object. */
export function meshObjectOf(item: unknown, apiVersion: string, kind: string): MeshObject | null {
  const { metadata, spec } = fieldsOf(item);
  const { namespace, name, labels, annotations } = fieldsOf(metadata);
  if (typeof name !== 'string' || typeof namespace !== 'string') return null;
  return {
    apiVersion,
    kind,
    metadata: { namespace, name, ...texts('labels', labels), ...texts('annotations', annotations) },
    spec: fieldsOf(spec),
  };
}

/** Istiod passes over objects of another revision; what kubectl kept is of the other cluster (design reference D). */
const notCopied: readonly string[] = ['istio.io/rev', 'kubectl.kubernetes.io/last-applied-configuration'];

function texts(field: 'labels' | 'annotations', value: unknown): { readonly [key: string]: Labels } {
  const kept = Object.entries(fieldsOf(value)).flatMap(([key, text]) =>
    typeof text === 'string' && !notCopied.includes(key) ? [[key, text] as const] : [],
  );
  return kept.length === 0 ? {} : { [field]: Object.fromEntries(kept) };
}

/** A short name is looked up in the namespace of the object that writes it, as Istio does. */
export function fullHost(host: string, namespace: string): string {
  if (!host.includes('.')) return `${host}.${namespace}.svc.cluster.local`;
  return /^[^.]+\.[^.]+(\.svc)?$/.test(host) ? `${host.replace(/\.svc$/, '')}.svc.cluster.local` : host;
}

/** Whether a host, written with a leading `*` or without, is or covers the other. */
export function coversHost(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : pattern === host;
}

export function textAt(fields: unknown, key: string): string | null {
  const value = fieldsOf(fields)[key];
  return typeof value === 'string' && value !== '' ? value : null;
}

export function textsAt(fields: unknown, key: string): readonly string[] {
  return listOf(fieldsOf(fields)[key]).filter((one): one is string => typeof one === 'string');
}

export function labelsAt(fields: unknown, key: string): Labels {
  const entries = Object.entries(fieldsOf(fieldsOf(fields)[key]));
  return Object.fromEntries(entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
}
