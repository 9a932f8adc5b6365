import type { BackendMode } from '../../src/domain/backend-weights.ts';
import { type Route, type Side, type Spec, type Step, type Window, weekdays } from '../../src/domain/spec.ts';
import { type Random, seededRandom } from '../../src/sandbox/random.ts';
import { anAnalysis, aProbe, aRoute, aSpec } from '../fixtures/builders.ts';
import { chance, pick } from './draws.ts';
import { restOf } from './moments.ts';
import {
  type ClbBackend,
  namespace,
  type Pod,
  type SideState,
  spread,
  type WorldState,
  wantedBackends,
} from './state.ts';
import { withSubsets } from './subset-scenario.ts';

/** What a seed migrates, and in which world; what goes wrong there is in its faults. */
export interface Scenario {
  readonly spec: Spec;
  readonly start: WorldState;
  readonly watchEveryMs: number;
  /** How long faults may begin. */
  readonly safeMs: number;
  readonly controller: '2.11' | '2.14';
  readonly cloudMs: { readonly min: number; readonly max: number };
  readonly meshMs: { readonly min: number; readonly max: number };
  readonly hasHealthChecks: boolean;
  readonly isZeroAbnormal: boolean;
  readonly requestsPerSecond: number;
  /** Only the least share that can be moved, and back. */
  readonly isRehearsal: boolean;
  /** Errors per request at the target from the start. */
  readonly targetErrors: number;
}

/** When a run begins; a Monday, UTC. */
export const startMs = 1_790_000_000_000;

export function makeScenario(seed: number): Scenario {
  const scenario = makeFirst(seededRandom(seed));
  // Drawn apart, so that the seeds of bugs that were found stay what they are.
  const random = seededRandom(seed ^ 0x5ca1e);
  const isSequential = scenario.spec.routes.length > 1 && chance(random, 0.5);
  const windows = chance(random, 0.12) ? [windowOf(random)] : [];
  const routeOrder = isSequential ? 'sequential' : 'together';
  // Longer than any evidence takes: whoever does not wait for it goes on too early.
  const longest = chance(random, 0.1) ? random.between(60_000, 120_000) : 0;
  // So near that backends which come or go are too far from it.
  const tolerance = chance(random, 0.2) ? 1 : scenario.spec.tolerance;
  // So long that something can go wrong while it is open.
  const openMs = chance(random, 0.15) ? 240_000 : 0;
  const settleMs = chance(random, 0.1) ? 25_000 : scenario.spec.settleMs;
  const steps = scenario.spec.steps.map((step) => ({
    ...step,
    bakeMs: Math.max(step.bakeMs, longest),
    gate: step.gate === null ? null : { ...step.gate, expiresInMs: Math.max(step.gate.expiresInMs, openMs) },
  }));
  const undoForMs = restOf(seed) ?? scenario.spec.undoForMs;
  return withSubsets(
    { ...scenario, spec: { ...scenario.spec, steps, routeOrder, windows, tolerance, settleMs, undoForMs } },
    seed,
    startMs,
  );
}

/** Open at the start, or soon; closed again before everything is over, or not. */
function windowOf(random: Random): Window {
  const fromMinute = (Math.floor(startMs / 60_000) % 1_440) + random.between(-2, 3);
  return { days: weekdays, fromMinute, toMinute: fromMinute + random.between(1, 9), zone: 'UTC' };
}

function makeFirst(random: Random): Scenario {
  const hasMesh = chance(random, 0.75);
  const clusters = hasMesh && chance(random, 0.25) ? ['ack', 'ack-2'] : ['ack'];
  const routes = routesOf(random, hasMesh);
  const probeSide = pick(random, ['both', 'both', 'both', 'target', null] as const);
  const watchEveryMs = pick(random, [5_000, 5_000, 10_000, 15_000]);
  const spec = aSpec({
    routes,
    steps: stepsOf(random),
    finish: chance(random, 0.15) ? 'return' : 'stay',
    tolerance: 6,
    probes: probeSide === null ? [] : [aProbe({ failures: random.between(2, 3), side: probeSide })],
    analysis: anAnalysis({
      minRequests: pick(random, [1, 100, 100]),
      patienceMs: random.between(20_000, 90_000),
      onInsufficient: pick(random, ['hold', 'hold', 'hold', 'rollback']),
    }),
    settleMs: pick(random, [0, 5_000]),
    deadlineMs: chance(random, 0.12) ? random.between(30_000, 120_000) : 1_200_000,
    undoForMs: random.between(10_000, 60_000),
    deadManAfterMs: random.between(45_000, 120_000),
    capacityPatienceMs: random.between(15_000, 60_000),
    breakGlassAfterMs: random.between(15_000, 40_000),
    onDrift: pick(random, ['hold', 'hold', 'restore', 'rollback']),
    notify: pick(random, [['ops'], ['ops', 'dev']]),
  });
  return {
    spec,
    start: startOf(random, routes, clusters),
    watchEveryMs,
    safeMs: random.between(60_000, 300_000),
    controller: pick(random, ['2.11', '2.14']),
    cloudMs: { min: 300, max: pick(random, [1_000, 1_000, 3_000, 10_000]) },
    meshMs: { min: 500, max: pick(random, [1_000, 1_000, 2_000, 10_000]) },
    // Where the CLB checks nothing, only a probe of the source can vouch for it: without one no rollback may zero the target.
    hasHealthChecks: probeSide !== 'both' || chance(random, 0.93),
    isZeroAbnormal: chance(random, 0.3),
    requestsPerSecond: pick(random, [20, 100, 400]),
    isRehearsal: chance(random, 0.08),
    targetErrors: chance(random, 0.1) ? 0.2 : 0.001,
  };
}

function routesOf(random: Random, hasMesh: boolean): readonly Route[] {
  const service = (name: string) => ({ kind: 'service', cluster: 'ack', namespace, name }) as const;
  const first = aRoute({
    ports: chance(random, 0.3)
      ? [
          { port: 80, group: 'rsp-pub-80' },
          { port: 443, group: 'rsp-pub-443' },
        ]
      : [{ port: 80, group: 'rsp-pub-80' }],
    ...(hasMesh ? {} : { target: service('istio-ingressgateway-asm') }),
  });
  if (!chance(random, 0.2)) return [first];
  const second: Route = {
    loadBalancer: 'lb-internal',
    source: service('istio-ingressgateway-internal'),
    target: service('istio-ingressgateway-asm-2'),
    ports: [{ port: 80, group: 'rsp-int-80' }],
  };
  return [first, second];
}

function stepsOf(random: Random): readonly Step[] {
  const shares = pick(random, [[50], [100], [10, 100], [25, 50], [50, 100], [10, 50, 100], [25, 100]]);
  return shares.map((share) => ({
    share,
    bakeMs: random.between(2_000, 15_000),
    gate: chance(random, 0.2)
      ? { expiresInMs: random.between(15_000, 60_000), onExpiry: pick(random, ['rollback', 'hold'] as const) }
      : null,
  }));
}

function startOf(random: Random, routes: readonly Route[], clusters: readonly string[]): WorldState {
  const mode = pick<BackendMode>(random, ['eni', 'eni', 'eni', 'cluster', 'local']);
  const nodes = Object.fromEntries(
    clusters.map((cluster) => [
      cluster,
      Array.from({ length: random.between(2, 3) }, (_, index) => `${cluster}-n${index}`),
    ]),
  );
  const pods: Record<string, readonly Pod[]> = { 'source/ack': podsIn(random, 'source', 'ack', nodes['ack'] ?? []) };
  for (const cluster of clusters) pods[`target/${cluster}`] = podsIn(random, 'target', cluster, nodes[cluster] ?? []);
  const sourceWeight = pick(random, ['100', '100', '100', '80', null]);
  const hasOverride = clusters.length > 1 && chance(random, 0.5);
  const bare: WorldState = {
    pods,
    nodes,
    splits: [],
    routes: routes.map((route) => ({
      route,
      sides: {
        source: sideOf(mode, sourceWeight, [{ cluster: 'ack', name: route.source.name }], false),
        target: sideOf(mode, '0', targetServices(route, clusters), hasOverride && route.target.kind === 'gateway'),
      },
      groups: route.ports.map(({ port, group }) => ({ port, group, backends: [] })),
      listener: { status: 'running', scheduler: 'wrr' },
    })),
  };
  return {
    ...bare,
    routes: bare.routes.map((route) => ({
      ...route,
      groups: route.groups.map((group) => ({
        ...group,
        backends: (['source', 'target'] as const).flatMap((side) =>
          route.sides[side].services.flatMap((service) =>
            attachedBackends(bare, side, route.sides[side], service, group.port),
          ),
        ),
      })),
    })),
  };
}

function targetServices({ target }: Route, clusters: readonly string[]): readonly { cluster: string; name: string }[] {
  if (target.kind === 'service') return [{ cluster: target.cluster, name: target.name }];
  return clusters.map((cluster) => ({ cluster, name: `istio-${target.name}` }));
}

const clusterIdOf = (cluster: string): string => (cluster === 'ack' ? 'c1' : 'c2');

function sideOf(
  mode: BackendMode,
  weight: string | null,
  services: readonly { readonly cluster: string; readonly name: string }[],
  hasOverride: boolean,
): SideState {
  return {
    weight,
    overrides: hasOverride ? { c2: weight } : {},
    fence: null,
    version: 1,
    writtenBy: null,
    mark: null,
    mode,
    services: services.map(({ cluster, name }) => ({
      cluster,
      clusterId: clusterIdOf(cluster),
      name,
      weight,
      hash: null,
    })),
  };
}

function podsIn(random: Random, side: Side, cluster: string, nodes: readonly string[]): readonly Pod[] {
  return Array.from({ length: random.between(1, 4) }, (_, index) => aPod(side, cluster, nodes, index));
}

export function aPod(side: Side, cluster: string, nodes: readonly string[], index: number): Pod {
  const net = `10.${clusterIdOf(cluster) === 'c1' ? 0 : 1}.${side === 'source' ? 1 : 2}`;
  return {
    address: `${net}.${index + 1}`,
    node: nodes[index % Math.max(1, nodes.length)] ?? '',
    isReady: true,
    isHealthy: true,
    isSeenHealthy: true,
  };
}

/** What the cloud controller attaches for one Service and port. */
export function attachedBackends(
  state: WorldState,
  side: Side,
  own: SideState,
  service: SideState['services'][number],
  port: number,
): readonly ClbBackend[] {
  const { cluster, clusterId, name, weight } = service;
  const backends = wantedBackends(state, side, own, cluster);
  const weights = spread(weight, own.mode, backends);
  // Node ports of the two sides differ: on nodes that both share, they are told apart by them.
  const backendPort = (own.mode === 'eni' ? 8000 : side === 'source' ? 30_000 : 31_000) + port;
  return backends.map(({ address }, index) => ({
    serverId: own.mode === 'eni' ? `eni-${address}` : address,
    serverIp: own.mode === 'eni' ? address : '',
    port: backendPort,
    weight: weights[index] ?? 0,
    type: own.mode === 'eni' ? 'eni' : 'ecs',
    description: `k8s/${backendPort}/${name}/${namespace}/${clusterId}`,
    side,
    cluster,
  }));
}
