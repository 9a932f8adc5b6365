import type { CarrierWeights, RouteGoal } from './agreement.ts';
import type { ServiceReading } from './observation.ts';
import type { Route, Side, Spec } from './spec.ts';
import type { Split, SubsetRoute } from './subset-route.ts';

/** Both sides of every route as they were before the first write; what a rollback restores. */
export interface Baseline {
  readonly name: string;
  readonly run: string;
  readonly takenAtMs: number;
  readonly patience: Patience;
  readonly routes: readonly BaselineRoute[];
  readonly subsets: readonly BaselineSplit[];
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

/** Today's split of a host, made explicit. */
export interface BaselineSplit {
  readonly route: SubsetRoute;
  readonly split: Split;
  /** The host's Services: beside the first of them the way back is kept. */
  readonly services: readonly ServiceIdentity[];
  /** Ready pods of `from` then: the capacity that a rollback counts on. */
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

/** What a baseline is of, as a spec lists it. */
export function movedBy({ routes, subsets }: Baseline): Pick<Spec, 'routes' | 'subsets'> {
  return { routes: routes.map(({ route }) => route), subsets: subsets.map(({ route }) => route) };
}

export function goalOf(baseline: BaselineRoute): RouteGoal {
  return { source: baseline.source, target: baseline.target };
}
