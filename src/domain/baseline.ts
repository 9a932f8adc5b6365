import type { CarrierWeights, RouteGoal } from './agreement.ts';
import type { Route } from './spec.ts';

/** Both sides of every route as they were before the first write; what a rollback restores. */
export interface Baseline {
  readonly name: string;
  readonly run: string;
  readonly takenAtMs: number;
  readonly routes: readonly BaselineRoute[];
}

export interface BaselineRoute {
  readonly route: Route;
  readonly source: CarrierWeights;
  readonly target: CarrierWeights;
  /** Ready pods of the source then: the capacity that a rollback counts on. */
  readonly sourcePods: number;
}

export function goalOf(baseline: BaselineRoute): RouteGoal {
  return { source: baseline.source, target: baseline.target };
}
