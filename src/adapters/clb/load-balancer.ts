import type { BackendHealth, BackendReading, GroupReading } from '../../domain/observation.ts';
import type { PortMapping } from '../../domain/spec.ts';
import { ForbiddenError, TerminalError } from '../../ports/errors.ts';
import type {
  GroupSummary,
  HealthCheckReading,
  ListenerReading,
  LoadBalancer,
  LoadBalancerReading,
  WeightedBackend,
} from '../../ports/load-balancer.ts';
import type { GroupAnswer, GroupSummaryAnswer, HealthAnswer, ListenerAnswer, ListenerConfig } from './answers.ts';
import { type BackendServer, type ClbClient, serversMax } from './clb-client.ts';
import { RefusedError } from './open-api-errors.ts';

type HealthOf = (server: Server) => BackendHealth;
type Server = Pick<HealthAnswer['BackendServers']['BackendServer'][number], 'ServerId' | 'ServerIp' | 'Port'>;

/** The CLB's own answer over its OpenAPI. */
export function clbLoadBalancer(client: ClbClient): LoadBalancer {
  return {
    describeGroups: (loadBalancer, ports) => describeGroups(client, loadBalancer, ports),
    describeListeners: async (loadBalancer) =>
      (await client.describeLoadBalancerListeners(loadBalancer)).map(listenerReading),
    describe: (loadBalancer) => describe(client, loadBalancer),
    setWeights: (group, backends) => setWeights(client, group, backends),
  };
}

async function describeGroups(
  client: ClbClient,
  loadBalancer: string,
  ports: readonly PortMapping[],
): Promise<readonly GroupReading[]> {
  const ids = [...new Set(ports.map(({ group }) => group))];
  const [healthOf, ...answers] = await Promise.all([
    healthIn(client, loadBalancer),
    ...ids.map((id) => client.describeVServerGroupAttribute(id)),
  ]);
  const groups = new Map(answers.map((answer) => [answer.VServerGroupId, answer]));
  return ports.map(({ port, group }) => {
    const answer = groups.get(group);
    if (answer === undefined) throw new TerminalError(`the CLB answered for another vServer group than ${group}`);
    if (answer.LoadBalancerId !== '' && answer.LoadBalancerId !== loadBalancer) {
      throw new TerminalError(`vServer group ${group} belongs to ${answer.LoadBalancerId}, not to ${loadBalancer}`);
    }
    return { port, group, backends: answer.BackendServers.BackendServer.map((one) => backendReading(one, healthOf)) };
  });
}

function backendReading(
  server: GroupAnswer['BackendServers']['BackendServer'][number],
  healthOf: HealthOf,
): BackendReading {
  return {
    serverId: server.ServerId,
    serverIp: server.ServerIp,
    port: server.Port,
    weight: server.Weight,
    type: server.Type,
    description: server.Description,
    health: healthOf(server),
  };
}

/** Every listener checks for itself; a backend that fails for one of them is not healthy. */
const worstFirst: readonly BackendHealth[] = ['abnormal', 'normal', 'unavailable'];

async function healthIn(client: ClbClient, loadBalancer: string): Promise<HealthOf> {
  const checks = await healthStatus(client, loadBalancer);
  const byAddress = new Map<string, Set<string>>();
  const byServer = new Map<string, Set<string>>();
  for (const check of checks) {
    note(byAddress, keyOf(check), check.ServerHealthStatus);
    note(byServer, keyOf({ ...check, ServerIp: '' }), check.ServerHealthStatus);
  }
  return (server) => {
    // Pods share an interface, so the address tells them apart; only an ECS backend may have none on either side.
    const states =
      server.ServerIp === ''
        ? byServer.get(keyOf(server))
        : (byAddress.get(keyOf(server)) ?? byAddress.get(keyOf({ ...server, ServerIp: '' })));
    return worstFirst.find((state) => states?.has(state)) ?? 'unavailable';
  };
}

function note(index: Map<string, Set<string>>, key: string, state: string): void {
  index.set(key, (index.get(key) ?? new Set()).add(state));
}

function keyOf({ ServerId, ServerIp, Port }: Server): string {
  return JSON.stringify([ServerId, ServerIp, Port]);
}

async function healthStatus(
  client: ClbClient,
  loadBalancer: string,
): Promise<HealthAnswer['BackendServers']['BackendServer']> {
  try {
    return (await client.describeHealthStatus(loadBalancer)).BackendServers.BackendServer;
  } catch (error) {
    // Health checks are off for every listener: the CLB knows no health, and that is an answer (reference E14).
    if (isRefusal(error, 'CheckedListenerNotFound')) return [];
    throw error;
  }
}

function listenerReading(listener: ListenerAnswer): ListenerReading {
  const config =
    listener.TCPListenerConfig ??
    listener.UDPListenerConfig ??
    listener.HTTPListenerConfig ??
    listener.HTTPSListenerConfig;
  return {
    port: listener.ListenerPort,
    protocol: listener.ListenerProtocol.toLowerCase(),
    status: listener.Status,
    scheduler: listener.Scheduler,
    group: listener.VServerGroupId || null,
    masterSlaveGroup: config?.MasterSlaveServerGroupId || null,
    hasHealthCheck: config?.HealthCheck === 'on',
    isSticky: config?.StickySession === 'on' || (config?.PersistenceTimeout ?? 0) > 0,
    healthCheck: healthCheckOf(listener, config),
    establishedTimeoutMs: config?.EstablishedTimeout === undefined ? null : config.EstablishedTimeout * 1000,
    drainsConnections: config?.ConnectionDrain === 'on',
    hasProxyProtocol: String(config?.ProxyProtocolV2Enabled) === 'true',
  };
}

/** Listeners for HTTP ask a request where they do not say otherwise; those for TCP open a connection. */
function healthCheckOf({ ListenerProtocol }: ListenerAnswer, config: ListenerConfig | undefined): HealthCheckReading {
  const type = config?.HealthCheckType || (/^https?$/i.test(ListenerProtocol) ? 'http' : 'tcp');
  const port = config?.HealthCheckConnectPort ?? 0;
  return {
    type: type === 'http' ? 'http' : 'tcp',
    // The API writes "the backend's own port" as -520 (reference E16).
    port: port > 0 ? port : null,
    host: config?.HealthCheckDomain ?? '',
    path: config?.HealthCheckURI || '/',
  };
}

async function setWeights(client: ClbClient, group: string, backends: readonly WeightedBackend[]): Promise<void> {
  for (const { weight } of backends) {
    if (!Number.isInteger(weight) || weight < 0 || weight > 100) {
      throw new TerminalError(`${weight} is no backend weight: an integer 0..100`);
    }
  }
  for (let at = 0; at < backends.length; at += serversMax) {
    await client.setVServerGroupAttribute(group, backends.slice(at, at + serversMax).map(serverOf));
  }
}

function serverOf({ serverId, serverIp, port, weight, type, description }: WeightedBackend): BackendServer {
  const address = serverIp === '' ? {} : { ServerIp: serverIp };
  return { ServerId: serverId, ...address, Port: port, Weight: weight, Type: type, Description: description };
}

async function describe(client: ClbClient, loadBalancer: string): Promise<LoadBalancerReading | null> {
  try {
    const [attribute, tags, groups] = await Promise.all([
      client.describeLoadBalancerAttribute(loadBalancer),
      tagsOrNull(client, loadBalancer),
      client.describeVServerGroups(loadBalancer),
    ]);
    return {
      id: attribute.LoadBalancerId,
      name: attribute.LoadBalancerName,
      status: attribute.LoadBalancerStatus,
      address: attribute.Address,
      addressType: attribute.AddressType,
      ipVersion: attribute.AddressIPVersion,
      resourceGroupId: attribute.ResourceGroupId,
      spec: attribute.LoadBalancerSpec,
      tags,
      groups: Object.fromEntries(groups.map((group) => [group.VServerGroupId, groupSummary(group)])),
    };
  } catch (error) {
    if (isRefusal(error, 'InvalidLoadBalancerId.NotFound')) return null;
    throw error;
  }
}

function groupSummary({ VServerGroupName, ServerCount, AssociatedObjects }: GroupSummaryAnswer): GroupSummary {
  const rules = AssociatedObjects?.Rules?.Rule ?? [];
  return {
    name: VServerGroupName,
    backends: ServerCount,
    rules: rules.map(({ Domain, Url }) => `${Domain ?? ''}${Url ?? ''}`),
  };
}

async function tagsOrNull(client: ClbClient, loadBalancer: string): Promise<Readonly<Record<string, string>> | null> {
  try {
    return await client.listTagResources(loadBalancer);
  } catch (error) {
    if (error instanceof ForbiddenError) return null;
    throw error;
  }
}

function isRefusal(error: unknown, code: string): boolean {
  return error instanceof RefusedError && error.vendorCode === code;
}
