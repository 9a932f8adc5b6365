import { splitAt } from '../../src/domain/split.ts';
import type { Random } from '../../src/sandbox/random.ts';
import type { Fault } from './faults.ts';
import type { SubsetFault } from './subset-faults.ts';
import { carrierIn, rewritten, shareAt, weightsIn } from './subset-state.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

/** What others do to the subsets of a host: people with kubectl, a GitOps controller, pods that go and come. */
export function scheduleSubsetOthers(world: World, faults: readonly Fault[], weather: Weather, random: Random): void {
  if (world.state.splits.length === 0) return;
  const startMs = world.scheduler.nowMs;
  for (const fault of faults) {
    if (!isOfSubsets(fault)) continue;
    const index = random.between(0, world.state.splits.length - 1);
    world.scheduler.at(startMs + fault.atMs, () => {
      weather.hit(fault.kind);
      world.trace.note(`others: ${JSON.stringify(fault)}`);
      act(world, fault, weather, index);
    });
  }
}

function isOfSubsets(fault: Fault): fault is SubsetFault {
  return fault.kind.startsWith('split') || fault.kind === 'subsetPods';
}

function act(world: World, fault: SubsetFault, weather: Weather, index: number): void {
  const { scheduler } = world;
  switch (fault.kind) {
    case 'splitDrift':
      if (fault.share === null) world.setVirtualService(index, null, 'kubectl', 'others');
      else rewrite(world, index, fault.share, 'kubectl');
      return;
    case 'splitFight':
      fight(world, fault, weather, index, scheduler.nowMs + fault.forMs);
      return;
    case 'splitFenceLost': {
      const { object } = world.split(index);
      if (object !== null) world.setVirtualService(index, { spec: object.spec, annotations: {} }, 'kubectl', 'others');
      return;
    }
    case 'subsetPods': {
      const { route, pods } = world.split(index);
      const subset = fault.of === 'to' ? route.to : (route.from[0] ?? route.to);
      const before = pods[subset] ?? 0;
      world.setSubsetPods(index, subset, fault.left);
      scheduler.at(Math.min(scheduler.nowMs + fault.forMs, weather.calmAtMs), () =>
        world.setSubsetPods(index, subset, Math.max(1, before)),
      );
      return;
    }
    default:
      fault satisfies never;
  }
}

/** Somebody's edit of the weights alone: the fence stays where it is. */
function rewrite(world: World, index: number, share: number, by: string): void {
  const { object, route } = world.split(index);
  if (object === null) return;
  const { spec } = rewritten(object, route, splitAt(weightsIn(world.split(index)), route, share), 0);
  world.setVirtualService(index, { spec, annotations: object.metadata.annotations }, by, 'others');
}

function fight(
  world: World,
  fault: Extract<SubsetFault, { kind: 'splitFight' }>,
  weather: Weather,
  index: number,
  untilMs: number,
): void {
  const { scheduler } = world;
  if (scheduler.nowMs >= untilMs || weather.isCalm) return;
  const { route } = world.split(index);
  const split = carrierIn(world.split(index))?.split ?? null;
  if (split !== null && Math.abs(shareAt(split, route) - fault.share) > 1) {
    world.trace.note(`others: GitOps writes ${route.host} back to ${fault.share} per cent`);
    rewrite(world, index, fault.share, 'gitops');
  }
  scheduler.after(fault.everyMs, () => fight(world, fault, weather, index, untilMs));
}

/** At the end of the faults no subset stays without a pod. */
export function healSubsets(world: World): void {
  for (const [index, { pods }] of world.state.splits.entries()) {
    for (const [subset, count] of Object.entries(pods)) if (count === 0) world.setSubsetPods(index, subset, 1);
  }
}
