import type { CarrierWeights, RouteGoal } from './agreement.ts';
import type { ServiceReading } from './observation.ts';
import type { Route, Side } from './spec.ts';

/** Both sides of every route as they were before the first write; what a rollback restores. */
export interface Baseline {
  readonly name: string;
  readonly run: string;
  readonly takenAtMs: number;
  readonly patience: Patience;
  readonly routes: readonly BaselineRoute[];
}

export interface BaselineRoute {
  readonly route: Route;
  readonly source: CarrierWeights;
  readonly target: CarrierWeights;
  /** Whose backends are whose at the CLB, known even when no API server answers. */
  readonly services: Readonly<Record<Side, readonly ServiceIdentity[]>>;
  /** Ready pods of the source then: the capacity that a rollback counts on. */
  readonly sourcePods: number;
}

/** How long whoever restores it waits for what, in milliseconds. */
export interface Patience {
  readonly capacityMs: number;
  readonly breakGlassMs: number;
  readonly deadManMs: number;
}

export type ServiceIdentity = Pick<ServiceReading, 'cluster' | 'clusterId' | 'namespace' | 'name' | 'mode'>;

export function identityOf({ cluster, clusterId, namespace, name, mode }: ServiceReading): ServiceIdentity {
  return { cluster, clusterId, namespace, name, mode };
}

export function goalOf(baseline: BaselineRoute): RouteGoal {
  return { source: baseline.source, target: baseline.target };
}
