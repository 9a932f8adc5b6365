import type { AchievedShare } from './agreement.ts';
import type { Route, Spec, Step } from './spec.ts';

/** One stop on the way of a migration: a step of all routes together, or of one route while the others rest. */
export interface Stage {
  readonly step: Step;
  /** Index of the route that the step moves; null where all routes move together. */
  readonly route: number | null;
  /** Per cent asked of each route, in the order of the spec. */
  readonly shares: readonly number[];
}

type Ordered = Pick<Spec, 'routes' | 'routeOrder' | 'steps'>;

/** With one route both orders are the same. */
export function isSequential({ routes, routeOrder }: Pick<Spec, 'routes' | 'routeOrder'>): boolean {
  return routeOrder === 'sequential' && routes.length > 1;
}

/**
 * Every stop in its order. One after the other, a route goes through all steps before the next begins: those before it
 * stay at the share of the last step, those after it at their baseline, which gives the target nothing.
 */
export function stagesOf(spec: Ordered): readonly Stage[] {
  const { routes, steps } = spec;
  if (!isSequential(spec)) {
    return steps.map((step) => ({ step, route: null, shares: routes.map(() => step.share) }));
  }
  const last = steps.at(-1)?.share ?? 0;
  const shareOf = (index: number, moving: number, step: Step): number => {
    if (index === moving) return step.share;
    return index < moving ? last : 0;
  };
  return routes.flatMap((_, route) =>
    steps.map((step) => ({ step, route, shares: routes.map((_route, index) => shareOf(index, route, step)) })),
  );
}

type PortOfRoute = Pick<AchievedShare, 'loadBalancer' | 'group'>;

/** Per cent asked of a port: what is asked of its route. A group belongs to one route alone (rule 6). */
export function askedOf({ shares, step }: Stage, routes: readonly Route[], port: PortOfRoute): number {
  return shares[routeOf(routes, port)] ?? step.share;
}

/** True for the ports that a stage moves. */
export function isMoving({ route }: Stage, routes: readonly Route[], port: PortOfRoute): boolean {
  return route === null || route === routeOf(routes, port);
}

/** The load balancer of the route that a stage moves; null where all routes move together. */
export function loadBalancerOf({ route }: Stage, routes: readonly Route[]): string | null {
  return route === null ? null : (routes[route]?.loadBalancer ?? null);
}

function routeOf(routes: readonly Route[], { loadBalancer, group }: PortOfRoute): number {
  return routes.findIndex((one) => one.loadBalancer === loadBalancer && one.ports.some((port) => port.group === group));
}
