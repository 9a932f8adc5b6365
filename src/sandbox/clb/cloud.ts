import type { ServerListRules } from './backend-servers.ts';
import { clbErrors } from './errors.ts';
import type { HealthStatus } from './health.ts';
import type { ClbBackend, Listener, LoadBalancer, VServerGroup } from './load-balancer.ts';
import { integerIn, type Params, required } from './params.ts';

export type Body = Readonly<Record<string, unknown>>;

/** What an action sees of the model: everything, and changes nothing. */
export interface Cloud {
  readonly regionId: string;
  readonly loadBalancers: readonly LoadBalancer[];
  readonly servers: ServerListRules;
  /** Old samples of the documentation show Port and Weight as text (reference B1). */
  readonly portsAndWeights: 'numbers' | 'strings';
  healthOf(loadBalancer: LoadBalancer, listener: Listener, backend: ClbBackend): HealthStatus;
  /** A fresh resource id with the given prefix. */
  newId(prefix: string): string;
}

/**
 * What a write comes to: the load balancer as it is to be (null: gone). `isLocked`: it takes the instance's write lock;
 * tags do not.
 */
export interface Write {
  readonly loadBalancerId: string;
  readonly next: LoadBalancer | null;
  readonly isLocked: boolean;
  readonly body: Body;
}

export type Action =
  | { readonly kind: 'read'; readonly run: (cloud: Cloud, params: Params) => Body }
  | { readonly kind: 'write'; readonly run: (cloud: Cloud, params: Params) => Write };

export function namedLoadBalancer(cloud: Cloud, params: Params): LoadBalancer {
  return loadBalancerWith(cloud, required(params, 'LoadBalancerId'));
}

export function loadBalancerWith(cloud: Cloud, id: string): LoadBalancer {
  const found = cloud.loadBalancers.find((one) => one.id === id);
  if (found === undefined) throw clbErrors.loadBalancerNotFound();
  return found;
}

export function namedGroup(
  cloud: Cloud,
  params: Params,
): { readonly loadBalancer: LoadBalancer; readonly group: VServerGroup } {
  const id = required(params, 'VServerGroupId');
  for (const loadBalancer of cloud.loadBalancers) {
    const group = loadBalancer.groups.find((one) => one.id === id);
    if (group !== undefined) return { loadBalancer, group };
  }
  throw clbErrors.groupNotFound();
}

export function namedListener(loadBalancer: LoadBalancer, params: Params): Listener {
  const port = integerIn('ListenerPort', required(params, 'ListenerPort'), 1, 65_535);
  const found = loadBalancer.listeners.find((listener) => listener.port === port);
  if (found === undefined) throw clbErrors.listenerNotFound();
  return found;
}
