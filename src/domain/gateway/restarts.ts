import { fenceKey } from '../annotations.ts';
import { type AsmVersion, isBefore116 } from './asm-version.ts';
import { type Fields, fieldsOf, isFields, listOf, type Place } from './finding.ts';
import { parseQuantity } from './quantity.ts';
import { isDescribed, overridesSince116, specOf } from './shape.ts';

/** Whether a change makes the mesh replace the gateway's pods, a few at a time; `unknown` where no document says it. */
export type Effect = 'restart' | 'none' | 'unknown';

export interface GatewayChange {
  readonly path: Place;
  /** Undefined where the field is not there. */
  readonly before: unknown;
  readonly after: unknown;
  readonly effect: Effect;
  readonly why: string;
}

/** "Fields that trigger rolling restarts" of the CRD field reference; `ports` are one of them before ASM 1.16. */
const restarting: readonly string[] = [
  ...['env', 'configVolumes', 'resources', 'secretVolumes', 'podLabels', 'podAnnotations', 'kernel', 'hostNetwork'],
  ...['dnsPolicy', 'nodeSelector', 'affinity', 'tolerations'],
];

const notes: Readonly<Record<string, string>> = {
  serviceType: 'changes the Service and no pod; a Service that is no LoadBalancer leaves its CLB',
  replicaCount: 'adds pods or takes some away; the others go on',
  minReplicas: 'adds pods or takes some away; the others go on',
  maxReplicas: 'adds pods or takes some away; the others go on',
};

/** What Kubernetes and Sluice keep in a gateway's annotations about their own writing. */
const ownAnnotations: readonly string[] = ['kubectl.kubernetes.io/last-applied-configuration', fenceKey];

/**
 * What differs between two versions of one IstioGateway, field by field, and which of it restarts the gateway's pods.
 * A null version is 1.16 or later. What the API server keeps by itself (status, resourceVersion, ...) is no difference.
 */
export function diffGateways(
  before: unknown,
  after: unknown,
  version: AsmVersion | null = null,
): readonly GatewayChange[] {
  const [old, now] = [specOf(before), specOf(after)];
  const overrides = changesIn(old['overrides'], now['overrides'], ['spec', 'overrides']);
  return [
    ...changesIn(withoutSpecials(old), withoutSpecials(now), ['spec']).map((change) =>
      judged(change, String(change.path[1]), now, version),
    ),
    ...clusterChange(listOf(old['clusterIds']), listOf(now['clusterIds'])),
    ...overrides.map((change) => judgedOverride(change, version)),
    ...metadataChanges(fieldsOf(fieldsOf(before)['metadata']), fieldsOf(fieldsOf(after)['metadata'])),
  ];
}

/** The values of the fields that restart the pods (of ASM 1.16 and later), by their paths; those of overrides too. */
export function restartingFields(gateway: unknown): Readonly<Record<string, unknown>> {
  const spec = specOf(gateway);
  const own = (fields: Fields, path: string) =>
    restarting.flatMap((field) => (fields[field] == null ? [] : [[`${path}.${field}`, fields[field]] as const]));
  const overrides = Object.entries(fieldsOf(spec['overrides'])).flatMap(([cluster, override]) =>
    own(fieldsOf(override), `spec.overrides.${cluster}`),
  );
  return Object.fromEntries([...own(spec, 'spec'), ...overrides]);
}

/** The worst of all: a restart is told before what cannot be told. */
export function effectOf(changes: readonly GatewayChange[]): Effect {
  return (['restart', 'unknown'] as const).find((effect) => changes.some((one) => one.effect === effect)) ?? 'none';
}

type Difference = Pick<GatewayChange, 'path' | 'before' | 'after'>;

function withoutSpecials({ clusterIds: _, overrides: __, ...rest }: Fields): Fields {
  return rest;
}

function judged(change: Difference, field: string, spec: Fields, version: AsmVersion | null): GatewayChange {
  if (!isDescribed(field))
    return { ...change, effect: 'unknown', why: 'the CRD reference does not describe this field' };
  if (field === 'ports') {
    return version !== null && isBefore116(version)
      ? { ...change, effect: 'restart', why: 'ports restart the pods before ASM 1.16' }
      : { ...change, effect: 'none', why: 'ports restart the pods before ASM 1.16 only' };
  }
  if (!restarting.includes(field)) {
    return { ...change, effect: 'none', why: notes[field] ?? 'is not among the fields that restart the pods' };
  }
  const clusters = listOf(spec['clusterIds']).map(String);
  const own = Object.entries(fieldsOf(spec['overrides'])).filter(([, one]) => fieldsOf(one)[field] !== undefined);
  const left = clusters.filter((id) => !own.some(([cluster]) => cluster === id));
  if (own.length > 0 && left.length === 0) {
    return {
      ...change,
      effect: 'unknown',
      why: 'every cluster overrides it; how the two go together is not documented',
    };
  }
  return {
    ...change,
    effect: 'restart',
    why: own.length === 0 ? 'restarts the pods' : `restarts the pods in ${left.join(', ')}`,
  };
}

function judgedOverride(change: Difference, version: AsmVersion | null): GatewayChange {
  const [, , cluster, field] = change.path.map(String);
  if (field !== undefined && overridesSince116.includes(field) && version !== null && isBefore116(version)) {
    return { ...change, effect: 'none', why: 'can be set per cluster from ASM 1.16 on; before, it has no effect' };
  }
  if (field !== undefined && restarting.includes(field)) {
    return { ...change, effect: 'restart', why: `restarts the pods in ${cluster}` };
  }
  const why = notes[field ?? ''] ?? 'is not among the fields that restart the pods';
  if (field === undefined || isDescribed(field)) return { ...change, effect: 'none', why };
  return { ...change, effect: 'unknown', why: 'the CRD reference does not describe this field' };
}

function clusterChange(before: readonly unknown[], after: readonly unknown[]): readonly GatewayChange[] {
  const added = after.filter((id) => !before.includes(id));
  const removed = before.filter((id) => !after.includes(id));
  if (added.length + removed.length === 0) return [];
  const whys = [
    ...(added.length === 0 ? [] : [`the gateway is deployed to ${added.join(', ')}`]),
    ...(removed.length === 0 ? [] : [`its pods and its Service in ${removed.join(', ')} are taken away`]),
  ];
  return [{ path: ['spec', 'clusterIds'], before, after, effect: 'none', why: whys.join('; ') }];
}

function metadataChanges(before: Fields, after: Fields): readonly GatewayChange[] {
  return ['annotations', 'labels'].flatMap((field) =>
    changesIn(fieldsOf(before[field]), fieldsOf(after[field]), ['metadata', field])
      .filter(({ path }) => !ownAnnotations.includes(String(path[2])))
      .map((change): GatewayChange => {
        const isOfMesh = String(change.path[2]).startsWith('asm.alibabacloud.com/');
        if (isOfMesh) return { ...change, effect: 'unknown', why: 'what the mesh does then is not documented' };
        return { ...change, effect: 'none', why: 'is about the object, not its pods' };
      }),
  );
}

/** Leaves that differ. A list whose length changed is one difference; so is a value that became one of another kind. */
function changesIn(before: unknown, after: unknown, path: Place): readonly Difference[] {
  if (isSame(before, after, path)) return [];
  if (isMapOrNothing(before) && isMapOrNothing(after)) {
    const [old, now] = [fieldsOf(before), fieldsOf(after)];
    const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
    const areBoth = isFields(before) && isFields(after);
    if (areBoth || keys.length > 0) return keys.flatMap((key) => changesIn(old[key], now[key], [...path, key]));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((one, index) => changesIn(one, after[index], [...path, index]));
  }
  return [{ path, before: before ?? undefined, after: after ?? undefined }];
}

/** An empty value reads as none, and `"2"` CPUs are `2000m`. */
function isSame(before: unknown, after: unknown, path: Place): boolean {
  if ((before ?? undefined) === (after ?? undefined)) return true;
  if (!path.includes('resources')) return false;
  const quantities = [parseQuantity(before), parseQuantity(after)];
  return quantities[0] !== null && quantities[0] === quantities[1];
}

function isMapOrNothing(value: unknown): boolean {
  return value === undefined || value === null || isFields(value);
}
