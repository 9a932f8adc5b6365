import { parseWeight } from '../../src/domain/annotations.ts';
import { type Backend, type BackendMode, backendWeights } from '../../src/domain/backend-weights.ts';
import type { BackendHealth, ServiceReading, SideReading, WriteMark } from '../../src/domain/observation.ts';
import type { Route, Side } from '../../src/domain/spec.ts';
import { secret } from './secret.ts';
import type { SplitState } from './subset-state.ts';

/** The modelled world at one moment. Never changed, only replaced: a check may look at any moment of the past. */
export interface WorldState {
  readonly routes: readonly RouteState[];
  /** By `side/cluster`: all CLBs of one gateway reach the same pods. */
  readonly pods: Readonly<Record<string, readonly Pod[]>>;
  /** Ready nodes by cluster. */
  readonly nodes: Readonly<Record<string, readonly string[]>>;
  /** One for each subset route. */
  readonly splits: readonly SplitState[];
}

export interface Pod {
  readonly address: string;
  readonly node: string;
  readonly isReady: boolean;
  readonly isHealthy: boolean;
  /** What the CLB's health check believes; it lags. */
  readonly isSeenHealthy: boolean;
}

export interface RouteState {
  readonly route: Route;
  readonly sides: Readonly<Record<Side, SideState>>;
  readonly groups: readonly GroupState[];
  readonly listener: { readonly status: string; readonly scheduler: string };
}

/** The object that carries the weight of one side, and the Services that follow it. */
export interface SideState {
  readonly weight: string | null;
  readonly overrides: Readonly<Record<string, string | null>>;
  readonly fence: number | null;
  readonly version: number;
  readonly writtenBy: string | null;
  readonly mark: WriteMark | null;
  readonly mode: BackendMode;
  readonly services: readonly ServiceState[];
}

export interface ServiceState {
  readonly cluster: string;
  readonly clusterId: string;
  readonly name: string;
  readonly weight: string | null;
  /** The cloud controller's label: of what it reconciled last. */
  readonly hash: string | null;
}

export interface GroupState {
  readonly port: number;
  readonly group: string;
  readonly backends: readonly ClbBackend[];
}

export interface ClbBackend {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly weight: number;
  readonly type: string;
  readonly description: string;
  readonly side: Side;
  readonly cluster: string;
}

export const namespace = 'istio-system';

export function podsOf(state: WorldState, side: Side, cluster: string): readonly Pod[] {
  return state.pods[`${side}/${cluster}`] ?? [];
}

/** The backends that the cloud controller is to attach (reference A5). */
export function wantedBackends(
  state: WorldState,
  side: Side,
  { mode }: SideState,
  cluster: string,
): readonly Backend[] {
  const ready = podsOf(state, side, cluster).filter(({ isReady }) => isReady);
  if (mode === 'eni') return ready.map(({ address }) => ({ address, pods: 1 }));
  const nodes = state.nodes[cluster] ?? [];
  if (mode === 'cluster') return nodes.map((address) => ({ address, pods: 1 }));
  return nodes.flatMap((address) => {
    const pods = ready.filter(({ node }) => node === address).length;
    return pods === 0 ? [] : [{ address, pods }];
  });
}

/** Does somebody answer behind this backend, as the CLB's health check believes? */
export function isSeenHealthy(state: WorldState, mode: BackendMode, backend: ClbBackend): boolean {
  const pods = podsOf(state, backend.side, backend.cluster);
  if (mode === 'eni') return pods.some((pod) => pod.address === backend.serverIp && pod.isSeenHealthy);
  if (!(state.nodes[backend.cluster] ?? []).includes(backend.serverId)) return false;
  return pods.some((pod) => pod.isSeenHealthy && (mode === 'cluster' || pod.node === backend.serverId));
}

export function toldHealth(
  state: WorldState,
  mode: BackendMode,
  backend: ClbBackend,
  options: { readonly isChecked: boolean; readonly isZeroAbnormal: boolean },
): BackendHealth {
  if (!options.isChecked) return 'unavailable';
  if (backend.weight === 0 && options.isZeroAbnormal) return 'abnormal';
  return isSeenHealthy(state, mode, backend) ? 'normal' : 'abnormal';
}

/** Weights of one side's backends in a group as an annotation gives them, for backends that are there. */
export function spread(weight: string | null, mode: BackendMode, backends: readonly Backend[]): readonly number[] {
  const number = weight === null || weight === '' ? null : parseWeight(weight);
  return weight !== null && weight !== '' && number === null
    ? backends.map(() => 0)
    : backendWeights(number, mode, backends);
}

export function weightFor(side: Pick<SideState, 'weight' | 'overrides'>, clusterId: string): string | null {
  return clusterId in side.overrides ? (side.overrides[clusterId] ?? null) : side.weight;
}

export interface Sums {
  readonly source: number;
  readonly target: number;
}

/** Sums of weights at the CLB. */
export function sumsOf(group: GroupState): Sums {
  let [source, target] = [0, 0];
  for (const { side, weight } of group.backends) {
    if (side === 'source') source += weight;
    else target += weight;
  }
  return { source, target };
}

/** Sums of weights at the CLB over the backends that its health checks let it use. */
export function healthySumsOf(state: WorldState, { sides }: RouteState, group: GroupState): Sums {
  let [source, target] = [0, 0];
  for (const backend of group.backends) {
    if (backend.weight === 0 || !isSeenHealthy(state, sides[backend.side].mode, backend)) continue;
    if (backend.side === 'source') source += backend.weight;
    else target += backend.weight;
  }
  return { source, target };
}

/** What the weights of a side sum to once its controllers have done what `weights` say. */
export function settledSum(
  state: WorldState,
  route: RouteState,
  side: Side,
  weights: Pick<SideState, 'weight' | 'overrides'>,
): number {
  const own = route.sides[side];
  return own.services.reduce((sum, { cluster, clusterId }) => {
    const backends = wantedBackends(state, side, own, cluster);
    return sum + spread(weightFor(weights, clusterId), own.mode, backends).reduce((part, one) => part + one, 0);
  }, 0);
}

export function shareOf({ source, target }: Sums): number | null {
  return source + target === 0 ? null : (target / (source + target)) * 100;
}

export function readSide(state: WorldState, route: RouteState, side: Side): SideReading {
  const own = route.sides[side];
  const { weight, overrides, fence, version, writtenBy, mark } = own;
  return {
    carrier: {
      resourceVersion: `${version}`,
      weight,
      weightKey,
      overrides,
      fence,
      writtenBy,
      mark,
      overridesWrittenBy: {},
    },
    services: own.services.map((service) => readService(state, route, side, service)),
  };
}

const annotation = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';
const weightKey = `${annotation}weight`;

export function readService(
  state: WorldState,
  { route, sides }: RouteState,
  side: Side,
  service: ServiceState,
): ServiceReading {
  const { cluster, clusterId, name, weight, hash } = service;
  const ready = podsOf(state, side, cluster).filter(({ isReady }) => isReady);
  return {
    cluster,
    clusterId,
    namespace,
    name,
    annotations: {
      [`${annotation}id`]: route.loadBalancer,
      [`${annotation}vgroup-port`]: route.ports.map(({ group, port }) => `${group}:${port}`).join(','),
      [`${annotation}force-override-listeners`]: 'false',
      'example.com/credentials': secret,
      ...(weight === null ? {} : { [weightKey]: weight }),
    },
    weight,
    writtenBy: null,
    hash,
    mode: sides[side].mode,
    backends: wantedBackends(state, side, sides[side], cluster),
    readyPods: ready.length,
    portNames: {},
    endpoints: ready.map(({ address, node }) => ({ address, node, targetPorts: {} })),
    warning: null,
  };
}

/** The Service as it reads where its cluster gives no answer. */
export function absentService({ cluster, clusterId, name }: ServiceState): ServiceReading {
  const none = {
    annotations: null,
    weight: null,
    backends: [],
    readyPods: 0,
    portNames: {},
    endpoints: [],
    hash: null,
    writtenBy: null,
  };
  return { cluster, clusterId, namespace, name, mode: 'eni', ...none, warning: null };
}

/** One whose API server gives no answer now. */
export function unknownService(service: ServiceState): ServiceReading {
  return { ...absentService(service), isUnknown: true };
}
