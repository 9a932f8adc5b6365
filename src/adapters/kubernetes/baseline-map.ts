import type { V1ConfigMap } from '@kubernetes/client-node';
import { type Annotations, fenceKey } from '../../domain/annotations.ts';
import type { Baseline } from '../../domain/baseline.ts';
import { ConflictError, RescuedError, TransientError, UnreadableRecordError } from '../../ports/errors.ts';
import { formatBaseline, parseBaseline } from './baseline-text.ts';
import type { Cluster, KubernetesClients } from './clients.ts';
import { assertFence, fenceOf, fieldManager } from './fence.ts';
import { listAll } from './objects.ts';
import { markIn, withoutMarks } from './watch-mark.ts';

const dataKey = 'baseline.json';
export const prefix = 'sluice-';
const managedBy = { 'app.kubernetes.io/managed-by': 'sluice' } as const;

/** A baseline as it is kept beside a source Service; null where it was emptied, and the way back is closed. */
export interface KeptBaseline {
  readonly name: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly fence: number;
  readonly baseline: Baseline | null;
  readonly annotations: Annotations;
  readonly resourceVersion: string;
  /** Set where what is kept is no baseline of this version: it is left as it is, and the others are still read. */
  readonly problem: UnreadableRecordError | null;
}

/** Writes `sluice-<name>` beside every source Service. @throws FencedError, ConflictError, TransientError, TerminalError */
export async function keepBaseline(
  clients: KubernetesClients,
  name: string,
  baseline: Baseline,
  fence: number,
): Promise<void> {
  const text = formatBaseline(baseline);
  for (const place of placesOf(clients, baseline)) await put(place, name, text, fence);
}

/** Empties it wherever it was kept; where it is not (any more), nothing is made. */
export async function emptyBaseline(
  clients: KubernetesClients,
  name: string,
  baseline: Baseline,
  fence: number,
): Promise<void> {
  for (const place of placesOf(clients, baseline)) {
    const found = await find(place, name);
    if (found === null) continue;
    const rescueFence = markIn(found.metadata?.annotations ?? {}).fence;
    if (rescueFence !== null && rescueFence > fence) {
      throw new RescuedError(
        `the watchdog brings ${name} back without the store, with fence ${rescueFence}`,
        rescueFence,
      );
    }
    await patch(place, found, '', fence);
  }
}

/**
 * What is kept in the given namespaces (null: all) of every cluster, the highest fence first, of one name or of all.
 * It needs kubeconfigs and nothing else. A cluster that gives no answer is passed over as long as another one has
 * something to tell: the way back must work when a cluster is what failed.
 *
 * @throws TransientError where nothing could be read, TerminalError where a cluster refuses
 */
export async function keptBaselines(
  clients: KubernetesClients,
  namespaces: readonly string[] | null,
  name?: string,
): Promise<readonly KeptBaseline[]> {
  const places = clients.clusters.flatMap((cluster) =>
    (namespaces ?? [null]).map((namespace) => ({ cluster, namespace })),
  );
  const answers = await Promise.allSettled(places.map(({ cluster, namespace }) => listIn(cluster, namespace, name)));
  const kept = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  for (const answer of answers) {
    if (answer.status === 'fulfilled') continue;
    if (kept.length === 0 || !(answer.reason instanceof TransientError)) throw answer.reason;
  }
  return [...kept].sort((a, b) => b.fence - a.fence);
}

interface Place {
  readonly cluster: Cluster;
  readonly namespace: string;
}

function placesOf(clients: KubernetesClients, baseline: Baseline): readonly Place[] {
  const places = new Map<string, Place>();
  const sources = [
    ...baseline.routes.map(({ route }) => route.source),
    // A host may have its Service in every cluster: one place is enough to find the way back.
    ...baseline.subsets.flatMap(({ services }) => services.slice(0, 1)),
  ];
  for (const { cluster, namespace } of sources) {
    places.set(`${cluster}/${namespace}`, { cluster: clients.cluster(cluster), namespace });
  }
  return [...places.values()];
}

function find({ cluster, namespace }: Place, name: string): Promise<V1ConfigMap | null> {
  const object = { namespace, name: prefix + name };
  return cluster.find({ verb: 'get', resource: 'configmaps', ...object }, ({ core }) =>
    core.readNamespacedConfigMap(object),
  );
}

async function put(place: Place, name: string, text: string, fence: number): Promise<void> {
  const found = await find(place, name);
  if (found !== null) return patch(place, found, text, fence);
  try {
    await create(place, name, text, fence);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    // An earlier attempt may have made it although its answer was lost.
    const made = await find(place, name);
    if (made === null) throw error;
    await patch(place, made, text, fence);
  }
}

async function create({ cluster, namespace }: Place, name: string, text: string, fence: number): Promise<void> {
  const metadata = { name: prefix + name, labels: managedBy, annotations: { [fenceKey]: String(fence) } };
  const body = { metadata, data: { [dataKey]: text } };
  const attempt = { verb: 'create', resource: 'configmaps', namespace, name: metadata.name } as const;
  await cluster.ask(attempt, ({ core }) => core.createNamespacedConfigMap({ namespace, body, fieldManager }));
}

async function patch({ cluster, namespace }: Place, found: V1ConfigMap, text: string, fence: number): Promise<void> {
  const name = found.metadata?.name ?? '';
  assertFence(`ConfigMap ${cluster.name}/${namespace}/${name}`, fenceOf(found.metadata?.annotations ?? {}), fence);
  const body = {
    metadata: {
      resourceVersion: found.metadata?.resourceVersion,
      labels: managedBy,
      // A mark of the watchdog was about the run before.
      annotations: { ...withoutMarks, [fenceKey]: String(fence) },
    },
    data: { [dataKey]: text },
  };
  await cluster.ask({ verb: 'patch', resource: 'configmaps', namespace, name }, ({ core, mergePatch }) =>
    core.patchNamespacedConfigMap({ namespace, name, body, fieldManager }, mergePatch),
  );
}

async function listIn(cluster: Cluster, namespace: string | null, name?: string): Promise<readonly KeptBaseline[]> {
  const selection = {
    labelSelector: Object.entries(managedBy)
      .map((pair) => pair.join('='))
      .join(','),
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${prefix}${name}` }),
  };
  const maps = await listAll(cluster, { verb: 'list', resource: 'configmaps', namespace }, ({ core }, paging) =>
    namespace === null
      ? core.listConfigMapForAllNamespaces({ ...selection, ...paging })
      : core.listNamespacedConfigMap({ namespace, ...selection, ...paging }),
  );
  return maps.filter(({ metadata }) => metadata?.name?.startsWith(prefix)).map((map) => keptIn(cluster, map));
}

function keptIn(cluster: Cluster, map: V1ConfigMap): KeptBaseline {
  const { name = '', namespace = '', annotations = {} } = map.metadata ?? {};
  const fence = fenceOf(annotations) ?? 0;
  const resourceVersion = map.metadata?.resourceVersion ?? '';
  const kept = {
    name: name.slice(prefix.length),
    cluster: cluster.name,
    namespace,
    fence,
    annotations,
    resourceVersion,
  };
  const text = map.data?.[dataKey] ?? '';
  if (text === '') return { ...kept, baseline: null, problem: null };
  try {
    return { ...kept, baseline: parseBaseline(text, `ConfigMap ${cluster.name}/${namespace}/${name}`), problem: null };
  } catch (error) {
    if (!(error instanceof UnreadableRecordError)) throw error;
    return { ...kept, baseline: null, problem: error };
  }
}
