import type { Random } from '../../src/sandbox/random.ts';
import type { Fault } from './faults.ts';
import { aPod } from './scenario.ts';
import type { Pod } from './state.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

/** What others do to the world: autoscalers, nodes that go, people with kubectl, a GitOps controller, the console. */
export function scheduleOthers(world: World, faults: readonly Fault[], weather: Weather, random: Random): void {
  const startMs = world.scheduler.nowMs;
  for (const fault of faults) {
    if (!('atMs' in fault)) continue;
    const route = random.between(0, world.state.routes.length - 1);
    const act = actionOf(world, fault, weather, route);
    if (act === null) continue;
    world.scheduler.at(startMs + fault.atMs, () => {
      weather.hit(fault.kind);
      world.trace.note(`others: ${JSON.stringify(fault)}`);
      act();
    });
  }
}

function actionOf(world: World, fault: Fault, weather: Weather, route: number): (() => void) | null {
  const { scheduler } = world;
  const endMs = 'forMs' in fault && 'atMs' in fault ? fault.forMs : 0;
  const calmly = (undo: () => void): void => scheduler.at(Math.min(scheduler.nowMs + endMs, weather.calmAtMs), undo);
  switch (fault.kind) {
    case 'pods':
      return () => scale(world, fault.side, fault.by);
    case 'sick':
      return () => {
        ail(world, fault.side, fault.isAll, false);
        calmly(() => ail(world, fault.side, fault.isAll, true));
      };
    case 'node':
      return () => {
        const [cluster = 'ack'] = Object.keys(world.state.nodes);
        const nodes = world.state.nodes[cluster] ?? [];
        if (nodes.length < 2) return;
        world.setNodes(cluster, nodes.slice(1));
        calmly(() => world.setNodes(cluster, nodes));
      };
    case 'drift':
      return () => {
        const overrides = world.route(route).sides[fault.side].overrides;
        world.patchCarrier(route, fault.side, { weights: { weight: fault.weight, overrides }, writtenBy: 'kubectl' });
      };
    case 'fight':
      return () => fight(world, fault, weather, route, scheduler.nowMs + fault.forMs);
    case 'followerDrift':
      return () => {
        const { route: spec, sides } = world.route(route);
        const [service] = sides.target.services;
        if (spec.target.kind === 'gateway' && service)
          world.patchFollower(route, 'target', service.cluster, fault.weight);
      };
    case 'fenceLost':
      return () => world.patchCarrier(route, fault.side, { fence: null });
    case 'clbDrift':
      return () => {
        for (const { group, backends } of world.route(route).groups) {
          const changed = backends.map((one) => (one.side === fault.side ? { ...one, weight: fault.weight } : one));
          world.setBackends(route, group, changed, 'others');
        }
      };
    case 'listener':
      return () => {
        const before = world.route(route).listener;
        world.setListener(
          route,
          fault.what === 'rr' ? { ...before, scheduler: 'rr' } : { ...before, status: 'stopped' },
        );
        calmly(() => world.setListener(route, { status: 'running', scheduler: 'wrr' }));
      };
    default:
      return null;
  }
}

function scale(world: World, side: 'source' | 'target', by: number): void {
  const cluster = 'ack';
  const pods = world.state.pods[`${side}/${cluster}`] ?? [];
  const nodes = world.state.nodes[cluster] ?? [];
  const count = Math.max(0, Math.min(6, pods.length + by));
  const grown = Array.from({ length: Math.max(0, count - pods.length) }, (_, index) =>
    aPod(side, cluster, nodes, pods.length + index),
  );
  world.setPods(side, cluster, [...pods.slice(0, count), ...grown]);
}

function ail(world: World, side: 'source' | 'target', isAll: boolean, isHealthy: boolean): void {
  const cluster = 'ack';
  const pods = world.state.pods[`${side}/${cluster}`] ?? [];
  // One that crashes leaves the endpoints; all of them at once is a network that fails, and they stay.
  const next = pods.map(
    (pod, index): Pod =>
      isAll ? { ...pod, isHealthy } : index === 0 ? { ...pod, isHealthy, isReady: isHealthy } : pod,
  );
  world.setPods(side, cluster, next);
}

function fight(
  world: World,
  fault: Extract<Fault, { kind: 'fight' }>,
  weather: Weather,
  route: number,
  untilMs: number,
): void {
  const { scheduler } = world;
  if (scheduler.nowMs >= untilMs || weather.isCalm) return;
  const own = world.route(route).sides[fault.side];
  if (own.weight !== fault.weight) {
    world.trace.note(`others: GitOps writes the ${fault.side} back to "${fault.weight}"`);
    const weights = { weight: fault.weight, overrides: own.overrides };
    world.patchCarrier(route, fault.side, { weights, writtenBy: 'gitops' });
  }
  scheduler.after(fault.everyMs, () => fight(world, fault, weather, route, untilMs));
}

/** At the end of the faults every pod and node is well, and no side stays without any. */
export function healAll(world: World): void {
  for (const [key, pods] of Object.entries(world.state.pods)) {
    const [side, cluster] = key.split('/') as ['source' | 'target', string];
    const nodes = world.state.nodes[cluster] ?? [];
    const all = pods.length === 0 ? [aPod(side, cluster, nodes, 0)] : pods;
    if (pods.length > 0 && all.every((pod) => pod.isReady && pod.isHealthy)) continue;
    world.setPods(
      side,
      cluster,
      all.map((pod) => ({ ...pod, isReady: true, isHealthy: true })),
    );
  }
}
