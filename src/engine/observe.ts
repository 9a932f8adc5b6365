import type { RouteObservation } from '../domain/observation.ts';
import type { Route } from '../domain/spec.ts';
import type { Ports } from '../ports/ports.ts';

type Seeing = Pick<Ports, 'router' | 'loadBalancer'>;

/**
 * One look at a route: the load balancer first, then both Kubernetes sides. What an annotation has led to is never seen
 * without that annotation, so a difference is told by its cause and not by what followed from it.
 */
export async function observe({ router, loadBalancer }: Seeing, route: Route): Promise<RouteObservation> {
  const groups = await loadBalancer.describeGroups(route.loadBalancer, route.ports);
  return { route, ...(await router.read(route)), groups };
}

export function observeAll(seeing: Seeing, routes: readonly Route[]): Promise<readonly RouteObservation[]> {
  return Promise.all(routes.map((route) => observe(seeing, route)));
}
