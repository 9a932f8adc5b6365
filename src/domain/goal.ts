import type { RouteGoal } from './agreement.ts';
import type { RouteObservation } from './observation.ts';
import type { PortShape, WeightPair } from './share.ts';

/** The backends that the plan counts with: those that the cloud controller is to attach, behind every port. */
export function shapesOf({ groups, source, target }: RouteObservation): readonly PortShape[] {
  return groups.map(() => ({ source: source.services, target: target.services }));
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
