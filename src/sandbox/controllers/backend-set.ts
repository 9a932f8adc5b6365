import type { V1EndpointSlice, V1Node, V1Service, V1ServicePort } from '@kubernetes/client-node';
import { type BackendMode, backendWeights } from '../../domain/backend-weights.ts';
import { atoi, backendTypeKey, isOn, read } from './cloud-annotations.ts';
import { isServing, isVirtual, serverIdOf } from './nodes.ts';

/** A backend as the controller wants it in a vServer group, and as it reads it back. */
export interface CloudBackend {
  readonly serverId: string;
  /** The pod's address; '' for a node. */
  readonly serverIp: string;
  readonly port: number;
  readonly weight: number;
  readonly type: 'ecs' | 'eni';
  readonly description: string;
}

export type ControllerVersion = '2.11' | '2.14';

/** What the controller's caches hold about one Service. */
export interface ServiceView {
  readonly service: V1Service;
  readonly slices: readonly V1EndpointSlice[];
  readonly nodes: readonly V1Node[];
  readonly version: ControllerVersion;
  /** Null where a pod's network interface cannot be found ("invalid backend"). */
  readonly eniOf: (address: string) => string | null;
}

/** A ready pod behind a Service port. */
interface Pod {
  readonly address: string;
  readonly node: string | undefined;
  readonly port: number;
}

interface Attached {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly type: 'ecs' | 'eni';
  readonly pods: number;
  readonly isEci: boolean;
}

/** Pods directly, every node, or the nodes that run a ready pod (reference A2, A5). */
export function modeOf(service: V1Service): BackendMode {
  if (service.metadata?.annotations?.[backendTypeKey] === 'eni') return 'eni';
  return service.spec?.externalTrafficPolicy === 'Local' ? 'local' : 'cluster';
}

/**
 * The weight annotation, null where it is not set or does not apply: it counts only beside `id` and `vgroup-port`.
 *
 * @throws Error where it is not an integer 0..100
 */
function weightOf(service: V1Service): number | null {
  if (read(service, 'id') === '' || read(service, 'vgroup-port') === '') return null;
  return integerOf(service, 'weight');
}

function integerOf(service: V1Service, suffix: 'weight' | 'default-weight'): number | null {
  const text = read(service, suffix);
  if (text === '') return null;
  const value = atoi(text);
  if (value !== null && value >= 0 && value <= 100) return value;
  throw new Error(`${suffix} must be integer in range [0,100] , got [${text}]`);
}

/**
 * The backends of one Service port with their weights, and the addresses of pods that must be skipped because their
 * interface is unknown (reference A5, A9).
 *
 * @throws Error where the weight is invalid or a node cannot be told
 */
export function backendsFor(
  view: ServiceView,
  port: V1ServicePort,
  description: string,
): { readonly backends: readonly CloudBackend[]; readonly invalid: readonly string[] } {
  const mode = modeOf(view.service);
  const weight = weightOf(view.service);
  // Since 2.14, and Local mode goes on counting pods (reference A2).
  const fallback = view.version === '2.14' ? integerOf(view.service, 'default-weight') : null;
  const attached = attach(mode, view, port);
  const spread = backendWeights(
    weight,
    mode,
    // Before 2.12 a pod on a virtual node had the minimum of 1 like any other backend.
    attached.map((one) => ({
      address: one.serverIp || one.serverId,
      pods: one.pods,
      isEci: one.isEci && view.version !== '2.11',
    })),
  );
  const useFallback = weight === null && fallback !== null && mode !== 'local';
  const backends = attached.map((one, index) => ({
    serverId: one.serverId,
    serverIp: one.serverIp,
    port: one.port,
    weight: useFallback ? fallback : (spread[index] ?? 0),
    type: one.type,
    description,
  }));
  return {
    backends: backends.filter((backend) => backend.serverId !== ''),
    invalid: backends.filter((backend) => backend.serverId === '').map((backend) => backend.serverIp),
  };
}

function attach(mode: BackendMode, view: ServiceView, port: V1ServicePort): readonly Attached[] {
  const pods = readyPods(view.slices, port);
  const nodes = servingNodes(view);
  if (mode === 'eni') return pods.map((pod) => asPod(pod, view));
  const located = pods.map((pod) => ({ pod, node: nodeOf(pod, nodes, view) }));
  const onVirtualNodes = located
    .filter(({ node }) => node !== undefined && isVirtual(node))
    .map(({ pod }) => asPod(pod, view));
  if (mode === 'cluster') {
    const real = nodes.filter((node) => !isVirtual(node));
    return [...real.map((node) => asNode(node, port, 1)), ...onVirtualNodes];
  }
  const counts = new Map<V1Node, number>();
  for (const { node } of located)
    if (node !== undefined && !isVirtual(node)) counts.set(node, (counts.get(node) ?? 0) + 1);
  return [...[...counts].map(([node, count]) => asNode(node, port, count)), ...onVirtualNodes];
}

function servingNodes(view: ServiceView): readonly V1Node[] {
  const rules = {
    withoutCordoned: isOn(view.service, 'remove-unscheduled-backend'),
    labels: read(view.service, 'backend-label'),
  };
  return view.nodes.filter((node) => isServing(node, rules));
}

function nodeOf(pod: Pod, nodes: readonly V1Node[], view: ServiceView): V1Node | undefined {
  if (pod.node !== undefined) return nodes.find((node) => node.metadata?.name === pod.node);
  const { namespace, name } = view.service.metadata ?? {};
  throw new Error(`add ecs backends for service[${namespace}/${name}] error, NodeName is nil for ip ${pod.address} `);
}

function asPod(pod: Pod, view: ServiceView): Attached {
  const serverId = view.eniOf(pod.address) ?? '';
  return {
    serverId,
    serverIp: pod.address,
    port: pod.port,
    type: 'eni',
    pods: 1,
    isEci: modeOf(view.service) !== 'eni',
  };
}

function asNode(node: V1Node, port: V1ServicePort, pods: number): Attached {
  return { serverId: serverIdOf(node), serverIp: '', port: port.nodePort ?? 0, type: 'ecs', pods, isEci: false };
}

/** Ready, not terminating, each address once (an endpoint may be listed in two slices while they are rewritten). */
function readyPods(slices: readonly V1EndpointSlice[], port: V1ServicePort): readonly Pod[] {
  const pods = new Map<string, Pod>();
  for (const slice of slices) {
    const backendPort = targetPortOf(slice, port);
    if (backendPort === null) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.terminating === true || endpoint.conditions?.ready !== true) continue;
      for (const address of endpoint.addresses) {
        if (!pods.has(address)) pods.set(address, { address, node: endpoint.nodeName, port: backendPort });
      }
    }
  }
  return [...pods.values()];
}

function targetPortOf(slice: V1EndpointSlice, port: V1ServicePort): number | null {
  if (typeof port.targetPort === 'number') return port.targetPort;
  if (port.targetPort === undefined) return port.port;
  return slice.ports?.find((one) => one.name === port.name)?.port ?? null;
}
