import { predictedWeights, type RouteGoal, weightIn } from './agreement.ts';
import { type BaselineRoute, goalOf } from './baseline.ts';
import type { GlassMove } from './break-glass.ts';
import { shapesOf } from './goal.ts';
import { ownBackends, type RouteObservation } from './observation.ts';
import { smallestShare } from './share.ts';
import type { Spec } from './spec.ts';

/** A rehearsal moves the least that can be moved and brings it back: it measures the installation, not the target. */

/**
 * The steps of a rehearsal: a write that moves nothing, then the smallest share that every route can give.
 * @returns null where a route cannot give any share, or none is of a load balancer
 */
export function rehearsalSpec(spec: Spec, observations: readonly RouteObservation[]): Spec | null {
  const smallest = observations.map((observation) => smallestShare(shapesOf(observation)));
  const known = smallest.filter((share) => share !== null);
  if (known.length === 0 || known.length < smallest.length) return null;
  const largest = Math.max(...known);
  // In two digits, for people; the pair that comes nearest is the same.
  const steps = [0, Number(largest.toFixed(2)) || largest].map((share) => ({ share, bakeMs: 0, gate: null }));
  // One after the other a route would be measured while the others wait, and ask for signals that a rehearsal has no use for.
  return { ...spec, steps, finish: 'return', routeOrder: 'together' };
}

/** Weights of the source that are tried in turn: one of them gives its backends other weights than they have. */
const tried = [50, 99, 25, 10];

/**
 * The goal of a write that moves nothing: the target keeps its 0, and the source gets another weight, so that its
 * backends at the CLB change and the controller's way is gone through. The share stays 0 whatever the source weighs.
 */
export function idleGoal(observation: RouteObservation, baseline: BaselineRoute): RouteGoal {
  const before = sourceWeights(observation, baseline.source.weight);
  const weight = tried.find((one) => sourceWeights(observation, String(one)) !== before) ?? tried[0];
  return { source: { weight: String(weight), overrides: {} }, target: goalOf(baseline).target };
}

function sourceWeights({ source, groups }: RouteObservation, weight: string | null): string {
  return groups
    .flatMap((group) => ownBackends(group, source))
    .flatMap(({ service, backends }) => predictedWeights(service, weight, backends))
    .join();
}

/**
 * What trying break glass sets at the CLB, and what undoes it. Only backends of the source, by one: the target has no
 * weight then, so the share stays 0.
 */
export function glassTrial(
  { groups, source }: RouteObservation,
  baseline: BaselineRoute,
): { readonly set: readonly GlassMove[]; readonly undo: readonly GlassMove[] } {
  const moves = (change: (weight: number) => number): readonly GlassMove[] =>
    groups.map((group) => ({
      group: group.group,
      side: 'source',
      backends: ownBackends(group, source).flatMap(({ service, backends }) => {
        const annotated = predictedWeights(service, weightIn(service.clusterId, baseline.source), backends);
        return backends.map((backend, index) => ({ ...backend, weight: change(annotated[index] ?? backend.weight) }));
      }),
    }));
  return { set: moves((weight) => (weight > 1 ? weight - 1 : weight + 1)), undo: moves((weight) => weight) };
}
