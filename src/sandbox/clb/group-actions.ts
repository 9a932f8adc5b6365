import { type NamedServer, parseServers } from './backend-servers.ts';
import { type Action, type Body, type Cloud, namedGroup, namedLoadBalancer, type Write } from './cloud.ts';
import { clbErrors } from './errors.ts';
import { backendKey, type ClbBackend, type LoadBalancer, type VServerGroup } from './load-balancer.ts';
import { optional, type Params, required } from './params.ts';

/** Quotas of an account as it comes (reference B1, E19). */
const backendsPerBalancerMax = 200;
const attachmentsPerServerMax = 50;
const groupsPerBalancerMax = 50;
const nameMax = 80;

/** vServer groups and their backends: what carries the weights. */
export const groupActions: Readonly<Record<string, Action>> = {
  DescribeVServerGroups: { kind: 'read', run: describeGroups },
  DescribeVServerGroupAttribute: { kind: 'read', run: describeGroup },
  CreateVServerGroup: { kind: 'write', run: createGroup },
  DeleteVServerGroup: { kind: 'write', run: deleteGroup },
  SetVServerGroupAttribute: { kind: 'write', run: setGroup },
  AddVServerGroupBackendServers: { kind: 'write', run: addServers },
  RemoveVServerGroupBackendServers: { kind: 'write', run: removeServers },
};

function describeGroups(cloud: Cloud, params: Params): Body {
  const loadBalancer = namedLoadBalancer(cloud, params);
  const includesListeners = params['IncludeListener'] === 'true';
  const includesRules = params['IncludeRule'] === 'true';
  return {
    VServerGroups: {
      VServerGroup: loadBalancer.groups.map((group) => ({
        VServerGroupId: group.id,
        VServerGroupName: group.name,
        ServerCount: group.backends.length,
        AssociatedObjects: {
          Listeners: { Listener: includesListeners ? boundListeners(loadBalancer, group) : [] },
          Rules: { Rule: includesRules ? boundRules(loadBalancer, group) : [] },
        },
      })),
    },
  };
}

function boundListeners(loadBalancer: LoadBalancer, group: VServerGroup): readonly Body[] {
  return loadBalancer.listeners
    .filter((listener) => listener.vServerGroupId === group.id)
    .map((listener) => ({ Port: listener.port, Protocol: listener.protocol }));
}

function boundRules(loadBalancer: LoadBalancer, group: VServerGroup): readonly Body[] {
  return loadBalancer.listeners
    .flatMap((listener) => listener.rules)
    .filter((rule) => rule.vServerGroupId === group.id)
    .map((rule) => ({ RuleId: rule.id, RuleName: rule.name, Domain: rule.domain, Url: rule.url }));
}

function describeGroup(cloud: Cloud, params: Params): Body {
  const { loadBalancer, group } = namedGroup(cloud, params);
  return { LoadBalancerId: loadBalancer.id, ...groupBody(cloud, group) };
}

function groupBody(cloud: Cloud, group: VServerGroup): Body {
  const number = (value: number): number | string => (cloud.portsAndWeights === 'strings' ? String(value) : value);
  return {
    VServerGroupId: group.id,
    VServerGroupName: group.name,
    BackendServers: {
      BackendServer: group.backends.map((backend) => ({
        ServerId: backend.serverId,
        ServerIp: backend.serverIp,
        Port: number(backend.port),
        Weight: number(backend.weight),
        Type: backend.type,
        Description: backend.description,
      })),
    },
  };
}

function createGroup(cloud: Cloud, params: Params): Write {
  const loadBalancer = namedLoadBalancer(cloud, params);
  if (loadBalancer.groups.length >= groupsPerBalancerMax) throw clbErrors.overQuota();
  const id = cloud.newId('rsp');
  const empty: VServerGroup = { id, name: nameOf(optional(params, 'VServerGroupName') ?? id), backends: [] };
  const servers = optional(params, 'BackendServers');
  const group = servers === null ? empty : withAdded(empty, parseServers(servers, cloud.servers));
  return groupWrite(cloud, loadBalancer, { ...loadBalancer, groups: [...loadBalancer.groups, group] }, group);
}

function deleteGroup(cloud: Cloud, params: Params): Write {
  const { loadBalancer, group } = namedGroup(cloud, params);
  if (boundListeners(loadBalancer, group).length > 0) throw clbErrors.groupBound();
  if (boundRules(loadBalancer, group).length > 0) throw clbErrors.groupRuled();
  const next = { ...loadBalancer, groups: loadBalancer.groups.filter((one) => one !== group) };
  return { loadBalancerId: loadBalancer.id, next, isLocked: true, body: { VServerGroupId: group.id } };
}

/** Changes the name, and weight and description of the listed backends; those not listed stay as they are. */
function setGroup(cloud: Cloud, params: Params): Write {
  const { loadBalancer, group } = namedGroup(cloud, params);
  const name = nameOf(optional(params, 'VServerGroupName') ?? group.name);
  const text = optional(params, 'BackendServers');
  const servers = text === null ? [] : parseServers(text, cloud.servers);
  const named = new Map(servers.map((server) => [backendKey(server), server]));
  const known = new Set(group.backends.map(backendKey));
  if (servers.some((server) => !known.has(backendKey(server)))) throw clbErrors.serversUnknown();
  const backends = group.backends.map((backend) => withNamed(backend, named.get(backendKey(backend))));
  return changed(cloud, loadBalancer, group, { ...group, name, backends });
}

function withNamed(backend: ClbBackend, server: NamedServer | undefined): ClbBackend {
  if (server === undefined) return backend;
  return {
    ...backend,
    weight: server.weight ?? backend.weight,
    description: server.description ?? backend.description,
  };
}

function addServers(cloud: Cloud, params: Params): Write {
  const { loadBalancer, group } = namedGroup(cloud, params);
  const servers = parseServers(required(params, 'BackendServers'), cloud.servers);
  return changed(cloud, loadBalancer, group, withAdded(group, servers));
}

/** A backend that is there already is left as it is, so a repeated call is harmless. */
function withAdded(group: VServerGroup, servers: readonly NamedServer[]): VServerGroup {
  const backends = new Map(group.backends.map((backend) => [backendKey(backend), backend]));
  for (const server of servers) {
    const key = backendKey(server);
    if (backends.has(key)) continue;
    backends.set(key, { ...server, weight: server.weight ?? 100, description: server.description ?? '' });
  }
  return { ...group, backends: [...backends.values()] };
}

function removeServers(cloud: Cloud, params: Params): Write {
  const { loadBalancer, group } = namedGroup(cloud, params);
  const gone = new Set(parseServers(required(params, 'BackendServers'), cloud.servers).map(backendKey));
  const backends = group.backends.filter((backend) => !gone.has(backendKey(backend)));
  return changed(cloud, loadBalancer, group, { ...group, backends });
}

function changed(cloud: Cloud, loadBalancer: LoadBalancer, before: VServerGroup, after: VServerGroup): Write {
  const groups = loadBalancer.groups.map((one) => (one === before ? after : one));
  return groupWrite(cloud, loadBalancer, { ...loadBalancer, groups }, after);
}

function groupWrite(cloud: Cloud, before: LoadBalancer, next: LoadBalancer, group: VServerGroup): Write {
  if (backendsOf(next) > backendsOf(before)) checkQuotas(next);
  return { loadBalancerId: next.id, next, isLocked: true, body: groupBody(cloud, group) };
}

function checkQuotas(loadBalancer: LoadBalancer): void {
  if (backendsOf(loadBalancer) > backendsPerBalancerMax) throw clbErrors.backendsOverLimit();
  const attachments = new Map<string, number>();
  for (const { serverId, type } of loadBalancer.groups.flatMap((group) => group.backends)) {
    const count = (attachments.get(serverId) ?? 0) + 1;
    if (type === 'ecs' && count > attachmentsPerServerMax) throw clbErrors.overQuota();
    attachments.set(serverId, count);
  }
}

function backendsOf(loadBalancer: LoadBalancer): number {
  return loadBalancer.groups.reduce((sum, group) => sum + group.backends.length, 0);
}

function nameOf(name: string): string {
  if (name.length > nameMax || !/^[\w./-]+$/.test(name)) throw clbErrors.invalid('VServerGroupName');
  return name;
}
