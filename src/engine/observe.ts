import type { RouteObservation } from '../domain/observation.ts';
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
