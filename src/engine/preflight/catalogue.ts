import { annotationKinds } from './annotations.ts';
import { backendKinds } from './backends.ts';
import { callerKinds } from './callers.ts';
import { capacityKinds } from './capacity.ts';
import type { CheckKind } from './check.ts';
import { clusterKinds } from './clusters.ts';
import { listenerKinds } from './listeners.ts';
import { loadBalancerKinds } from './load-balancer.ts';
import { parityKinds } from './parity.ts';
import { readableKinds } from './readable.ts';
import { rolloutKinds } from './rollout.ts';
import { routeOrderKinds } from './route-order.ts';
import { serviceKinds } from './services.ts';
import { signalKinds } from './signals.ts';
import { subsetKinds } from './subsets.ts';

export interface Subject {
  readonly title: string;
  readonly kinds: readonly CheckKind[];
}

/** Every check of the preflight, in the order in which they are made. */
export const subjects: readonly Subject[] = [
  { title: 'Weights and backends', kinds: [...readableKinds, ...backendKinds] },
  { title: 'Capacity', kinds: [...capacityKinds, ...rolloutKinds] },
  { title: 'Listeners', kinds: listenerKinds },
  { title: 'The load balancer', kinds: loadBalancerKinds },
  { title: 'Annotations', kinds: annotationKinds },
  { title: 'Services', kinds: serviceKinds },
  { title: 'Probes and callers', kinds: [...callerKinds, ...parityKinds, ...clusterKinds] },
  { title: 'Subsets in the mesh', kinds: subsetKinds },
  { title: 'Signals', kinds: [...routeOrderKinds, ...signalKinds] },
];

/** Parts of the pitfalls that nothing readable gives away before the start, with what stands in instead. */
export const unseen: readonly { readonly row: string; readonly what: string; readonly instead: string }[] = [
  {
    row: 'E4',
    what: 'the version of the cloud controller, which decides whether it tells of an invalid weight',
    instead:
      'it is an answer of the ACK API, for which Sluice has no right; weights are checked before they are written and read back from the load balancer afterwards',
  },
  {
    row: 'E9',
    what: 'which listener a forwarding rule belongs to',
    instead: 'the list of groups names the rule only, so the rules of the whole load balancer are told',
  },
  {
    row: 'E15',
    what: 'the health of backends with weight 0',
    instead: 'the documents disagree on what the load balancer tells of it: probes ask the pods themselves',
  },
  {
    row: 'E19',
    what: 'how often one ECS instance is attached (50 at most), and quotas that were raised',
    instead: 'other load balancers of the account are not read, and quotas have no API: the defaults are counted with',
  },
  {
    row: 'E20',
    what: 'a string as targetPort with an old cloud controller, and pods outside the VPC',
    instead: 'backends that are missing at the load balancer are found by `attached`',
  },
  {
    row: 'E24',
    what: 'who will write to the load balancer while a migration runs',
    instead:
      'claims keep other migrations away, a lease orders our own writes, and weights are read back at every look',
  },
  {
    row: 'E26',
    what: 'who will drop or revert the annotation later',
    instead: 'both the annotation and the load balancer are compared at every look, and drift is told with its writer',
  },
  {
    row: 'E30',
    what: 'whether a gateway expects Proxy Protocol',
    instead: 'it is a matter of an EnvoyFilter; probes come without the header',
  },
  {
    row: 'E31',
    what: 'certificates, secrets and the trust between the two meshes',
    instead:
      'reading secrets is a right that Sluice does not ask for: probes at the target and `parity` prove it, host by host',
  },
  {
    row: 'E33',
    what: 'room on the nodes and resource quotas for a target that grows',
    instead: 'ready pods of both sides are counted at every look',
  },
];
