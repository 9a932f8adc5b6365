import { type Policy, permits } from '../ram.ts';
import { ClbError } from './errors.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { Params } from './params.ts';

/**
 * @param policy undefined allows everything
 * @throws ClbError 403 where it does not allow the action on each of these resources
 */
export function refuseUnlessPermitted(policy: Policy | undefined, action: string, resources: readonly string[]): void {
  if (policy === undefined || resources.every((resource) => permits(policy, action, resource))) return;
  const message = "User not authorized to operate on the specified resource, or this API doesn't support RAM.";
  throw new ClbError(403, 'Forbidden.RAM', message);
}

/** Ids of the load balancers that a call is about; a vServer group belongs to its own, and what names none is about all. */
export function loadBalancersOf(params: Params, loadBalancers: readonly LoadBalancer[]): readonly string[] {
  const named = Object.entries(params).flatMap(([name, value]) =>
    /^(?:LoadBalancerId|ResourceId)(?:\.\d+)?$/.test(name) && value !== undefined ? [value] : [],
  );
  const group = params['VServerGroupId'];
  const owners = loadBalancers.filter(({ groups }) => groups.some(({ id }) => id === group)).map(({ id }) => id);
  const all = [...named, ...owners];
  return all.length === 0 ? ['*'] : all;
}
