import { ownBackends, type RouteObservation } from '../../domain/observation.ts';
import type { LoadBalancerReading } from '../../ports/load-balancer.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { renameGroup, renameLoadBalancer, untag } from './commands.ts';
import { type RouteLook, surveyed } from './look.ts';

const clb = kindOf({
  id: 'clb',
  rows: ['E29'],
  asks: 'the load balancer is there and active',
  why: 'one that is stopped, locked or in arrears serves nobody, whatever its weights',
  says: ['fail'],
});
const tags = kindOf({
  id: 'clb-tags',
  rows: ['E8'],
  asks: 'no tag forbids Services to share the load balancer',
  why: 'the cloud controller refuses to reuse a load balancer that a cluster made for itself, at the next change of an annotation: the first weight would not arrive',
  says: ['fail', 'unknown'],
});
const clbName = kindOf({
  id: 'clb-name',
  rows: ['E27'],
  asks: "the load balancer does not bear the name that the cloud controller gives its own (`a` and a Service's uid)",
  why: 'by that name the controller takes the load balancer for its own once the id annotation is gone, and deletes it with the Service',
  says: ['warn'],
});
const clbSpec = kindOf({
  id: 'clb-spec',
  rows: ['E20'],
  asks: 'the load balancer can have pods as backends',
  why: 'shared-performance instances take nodes only, so the pods of an ENI Service cannot be attached',
  says: ['warn'],
});
const groupKind = kindOf({
  id: 'group',
  rows: ['E7', 'E9'],
  asks: 'each vServer group of the route is one of this load balancer, under a name that can be shared',
  why: 'the cloud controller looks for the group in this load balancer, and refuses one that is named k8s/... as its own are; newer versions take the backends out instead, and report success',
  says: ['fail'],
});
const rules = kindOf({
  id: 'forwarding-rules',
  rows: ['E9'],
  asks: 'no forwarding rule of the load balancer leads past the groups of the route',
  why: 'requests that a rule sends to another group do not follow the weights of the migration',
  says: ['warn'],
});
const quota = kindOf({
  id: 'backend-quota',
  rows: ['E19'],
  asks: 'the load balancer has room for the backends of both sides',
  why: 'beyond 200 backends (the default quota) the cloud controller cannot attach any, and the share is another than planned',
  says: ['fail', 'warn'],
});

export const loadBalancerKinds = [clb, tags, clbName, clbSpec, groupKind, rules, quota];

/** The quota of an account as it comes; a raised one cannot be read (reference B1). */
const backendsMax = 200;
const forbiddingTags = ['kubernetes.do.not.delete', 'ack.aliyun.com'] as const;
const apiServerPort = 6443;

/** What the load balancer of a route itself must allow. */
export function loadBalancerChecks(look: RouteLook): readonly Check[] {
  const { observation, loadBalancer } = look;
  const { loadBalancer: id, ports } = observation.route;
  if (loadBalancer === null) {
    const at = { object: id, field: 'LoadBalancerId', value: null };
    return [bad(clb, 'fail', `${id} does not exist`, { at })];
  }
  const groups = [...new Set(ports.map(({ group }) => group))];
  return [
    isActive(loadBalancer),
    isShareable(look, loadBalancer),
    isNamedFreely(look, loadBalancer),
    takesPods(observation, loadBalancer),
    ...groups.map((group) => isShared(loadBalancer, group)),
    isWithoutRules(loadBalancer, groups),
    hasRoom(look, loadBalancer),
  ];
}

function isActive({ id, status }: LoadBalancerReading): Check {
  const at = { object: id, field: 'LoadBalancerStatus', value: status };
  return status === 'active' ? pass(clb, `${id} is active`, at) : bad(clb, 'fail', `${id} is ${status}`, { at });
}

function isShareable({ listeners }: RouteLook, { id, tags: present }: LoadBalancerReading): Check {
  if (present === null) {
    const found = `the tags of ${id} cannot be read; missing permission: slb:ListTagResources`;
    return bad(tags, 'unknown', found, { at: { object: id, field: 'Tags', value: null } });
  }
  const [first, ...more] = forbiddingTags.filter((key) => key in present);
  if (first === undefined) return pass(tags, `no tag of ${id} forbids to share it`);
  const at = { object: id, field: `Tags ${first}`, value: present[first] ?? null };
  const names = [first, ...more].join(' and ');
  // The API server's load balancer has the second tag alone: without it the cluster would lose its own door.
  if (!(forbiddingTags[0] in present) && listeners.some(({ port }) => port === apiServerPort)) {
    return bad(tags, 'fail', `${id} is the load balancer of a cluster's API server: take another one`, { at });
  }
  const found = `${id} has the tag ${names}, for which the cloud controller refuses to share it: sluice release-clb takes it away, and all that belongs to it, in the right order`;
  return bad(tags, 'fail', found, { at, remedy: untag(id, [first, ...more]) });
}

function isNamedFreely(look: RouteLook, { id, name }: LoadBalancerReading): Check {
  const at = { object: id, field: 'LoadBalancerName', value: name };
  const owner = surveyed(look).find(({ service }) => name === nameByUid(service.uid));
  if (owner === undefined && !/^a[0-9a-f]{31}$/.test(name)) return pass(clbName, `${id} is named "${name}"`, at);
  const whose = owner === undefined ? 'a Service' : `Service ${owner.service.namespace}/${owner.service.name}`;
  const found = `${id} bears the name of the load balancer of ${whose}, which would be deleted with it: rename it`;
  return bad(clbName, 'warn', found, { at, remedy: renameLoadBalancer(id, `shared-${id}`) });
}

/** The name that the cloud controller gives a load balancer that it makes (reference A7). */
function nameByUid(uid: string): string | null {
  return uid === '' ? null : `a${uid.replaceAll('-', '')}`.slice(0, 32);
}

function takesPods({ groups, target, source }: RouteObservation, { id, spec }: LoadBalancerReading): Check {
  const at = { object: id, field: 'LoadBalancerSpec', value: spec === '' ? null : spec };
  const isEni = [...source.services, ...target.services].some(({ mode }) => mode === 'eni');
  const isTaken = groups.some(({ backends }) => backends.some(({ type }) => type === 'eni'));
  if (spec !== '' || !isEni || isTaken) return pass(clbSpec, `${id} takes the backends of both sides`, at);
  const found = `${id} has no specification, and pods are to be its backends: give it one, or take nodes as backends`;
  return bad(clbSpec, 'warn', found, { at });
}

function isShared({ id, groups }: LoadBalancerReading, group: string): Check {
  const object = `vServer group ${group}`;
  const summary = groups[group];
  if (summary === undefined) {
    const at = { object, field: 'LoadBalancerId', value: null };
    return bad(groupKind, 'fail', `${object} is not one of ${id}`, { at });
  }
  const at = { object, field: 'VServerGroupName', value: summary.name };
  // The controller refuses to reuse what bears the name of its own groups (reference A4, E7).
  if (!/^k8s(\/[^/]*){4}$/.test(summary.name)) return pass(groupKind, `${object} can be shared`, at);
  const found = `${object} is named "${summary.name}", as the controller's own are: rename it (sluice release-clb does, in the right order)`;
  return bad(groupKind, 'fail', found, { at, remedy: renameGroup(group, `shared-${group}`) });
}

function isWithoutRules({ id, groups }: LoadBalancerReading, own: readonly string[]): Check {
  const leading = Object.entries(groups).flatMap(([group, summary]) =>
    own.includes(group) ? [] : summary.rules.map((rule) => `${rule} to ${group}`),
  );
  if (leading.length === 0) return pass(rules, `no forwarding rule of ${id} leads elsewhere`);
  const more = leading.length > 3 ? ` and ${leading.length - 3} more` : '';
  const found = `${id} has forwarding rules past the route, which stay as they are: ${leading.slice(0, 3).join(', ')}${more}`;
  return bad(rules, 'warn', found, { at: { object: id, field: 'Rules', value: leading[0] ?? null } });
}

/** What is attached already, what either side still lacks, and what its autoscaler may add. */
function hasRoom(look: RouteLook, { id, groups }: LoadBalancerReading): Check {
  const { observation, survey } = look;
  const attached = Object.values(groups).reduce((sum, { backends }) => sum + backends, 0);
  const lacking = observation.groups.reduce((sum, group) => {
    const sides = [observation.source, observation.target].flatMap((side) => ownBackends(group, side));
    return sum + sides.reduce((more, one) => more + Math.max(0, one.service.backends.length - one.backends.length), 0);
  }, 0);
  const growing = [...survey.source.services, ...survey.target.services].reduce((sum, { autoscalers, name }) => {
    const reading = [...observation.source.services, ...observation.target.services].find((one) => one.name === name);
    if ('missing' in autoscalers || reading === undefined || reading.mode === 'cluster') return sum;
    const most = autoscalers.value.reduce((max, one) => Math.max(max, one.maxReplicas), 0);
    return sum + Math.max(0, most - reading.readyPods) * observation.groups.length;
  }, 0);
  const now = attached + lacking;
  const at = { object: id, field: 'ServerCount', value: `${attached}` };
  if (now > backendsMax) {
    const found = `${id} would have ${now} backends, more than the ${backendsMax} of the default quota: take fewer replicas, or have the quota raised`;
    return bad(quota, 'fail', found, { at });
  }
  if (now + growing > backendsMax) {
    const found = `${id} has ${now} backends, and ${now + growing} when all autoscalers are at their most: more than the ${backendsMax} of the default quota`;
    return bad(quota, 'warn', found, { at });
  }
  return pass(quota, `${id} has room for the backends of both sides (${now} of ${backendsMax})`, at);
}
