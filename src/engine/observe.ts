import type { RouteGoal } from '../domain/agreement.ts';
import type { RouteObservation } from '../domain/observation.ts';
import type { PortShape } from '../domain/share.ts';
import type { Route } from '../domain/spec.ts';
import type { Ports } from '../ports/ports.ts';

type Seeing = Pick<Ports, 'router' | 'loadBalancer'>;

/** One look at a route: both Kubernetes sides and the load balancer, at the same time. */
export async function observe({ router, loadBalancer }: Seeing, route: Route): Promise<RouteObservation> {
  const [reading, groups] = await Promise.all([
    router.read(route),
    loadBalancer.describeGroups(route.loadBalancer, route.ports),
  ]);
  return { route, ...reading, groups };
}

export function observeAll(seeing: Seeing, routes: readonly Route[]): Promise<readonly RouteObservation[]> {
  return Promise.all(routes.map((route) => observe(seeing, route)));
}

/** The backends that the plan counts with: those that the cloud controller is to attach, behind every port. */
export function shapesOf(observation: RouteObservation): readonly PortShape[] {
  return observation.groups.map(() => ({
    source: observation.source.services,
    target: observation.target.services,
  }));
}

/** A step's weights for one route; overrides that carry annotations of their own get the same weight (reference C2). */
export function stepGoal(observation: RouteObservation, weights: { source: number; target: number }): RouteGoal {
  const overriding = observation.target.carrier?.overrides ?? {};
  return {
    source: { weight: String(weights.source), overrides: {} },
    target: {
      weight: String(weights.target),
      overrides: Object.fromEntries(Object.keys(overriding).map((id) => [id, String(weights.target)])),
    },
  };
}
