import type { RouteGoal } from './agreement.ts';
import { parseWeight } from './annotations.ts';
import type { RouteObservation } from './observation.ts';
import { type PlannedPair, type PortShape, pairAsIs, type WeightPair } from './share.ts';

/** The backends that the plan counts with: those that the cloud controller is to attach, behind every port. */
export function shapesOf({ groups, source, target }: RouteObservation): readonly PortShape[] {
  return groups.map(() => ({ source: source.services, target: target.services }));
}

/** What the weights of a goal give with the backends of now; null where they are no pair, or leave a side dark. */
export function keptPair(asked: number, goal: RouteGoal | undefined, shapes: readonly PortShape[]): PlannedPair | null {
  const [source, target] = [goal?.source.weight, goal?.target.weight].map((weight) => parseWeight(weight ?? ''));
  return source == null || target == null ? null : pairAsIs(asked, { source, target }, shapes);
}

/** A step's weights for one route; overrides that carry annotations of their own get the same weight (reference C2). */
export function stepGoal(observation: RouteObservation, weights: WeightPair): RouteGoal {
  const overriding = observation.target.carrier?.overrides ?? {};
  return {
    source: { weight: String(weights.source), overrides: {} },
    target: {
      weight: String(weights.target),
      overrides: Object.fromEntries(Object.keys(overriding).map((id) => [id, String(weights.target)])),
    },
  };
}
