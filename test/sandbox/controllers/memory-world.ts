import type { V1EndpointSlice, V1Node, V1Service } from '@kubernetes/client-node';
import type { CloudBackend, ControllerVersion } from '../../../src/sandbox/controllers/backend-set.ts';
import { type ClbClient, clbApi } from '../../../src/sandbox/controllers/clb-calls.ts';
import { eniIdOf } from '../../../src/sandbox/controllers/eni.ts';
import { reconcile } from '../../../src/sandbox/controllers/reconcile.ts';
import type { ReconcileContext, ServiceEvent } from '../../../src/sandbox/controllers/reconcile-context.ts';

// A cluster and a load balancer in a few lines, for the pure reconcile: what it does with the two interfaces is what is
// tested, and the loopback servers have tests of their own.

export const clusterId = 'c1';
const prefix = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';

interface Group {
  readonly name: string;
  readonly backends: CloudBackend[];
}

export interface World {
  service: V1Service;
  slices: V1EndpointSlice[];
  nodes: V1Node[];
  readonly groups: Map<string, Group>;
  readonly boundGroups: Set<string>;
  readonly tags: Map<string, string>;
  readonly events: ServiceEvent[];
  readonly calls: string[];
  /** The error that an action answers with, by action. */
  readonly refuses: Map<string, { code: string; message: string }>;
  run(): Promise<void>;
  weights(group?: string): readonly number[];
  annotate(suffix: string, value: string | null): void;
}

export interface WorldOptions {
  readonly version?: ControllerVersion;
  readonly sharedNodeChurn?: boolean;
  readonly eniOf?: (address: string) => string | null;
}

export function world(options: WorldOptions = {}): World {
  const self: World = {
    service: gatewayService({ id: 'lb-public', 'vgroup-port': 'rsp-pub-80:80,rsp-pub-443:443', weight: '100' }),
    slices: [slice(['10.0.0.1', '10.0.0.2', '10.0.0.3'])],
    nodes: [node('n1'), node('n2'), node('n3')],
    groups: new Map([
      ['rsp-pub-80', { name: 'http', backends: [] }],
      ['rsp-pub-443', { name: 'https', backends: [] }],
    ]),
    boundGroups: new Set(['rsp-pub-80', 'rsp-pub-443']),
    tags: new Map(),
    events: [],
    calls: [],
    refuses: new Map(),
    run: () => reconcile(contextOf(self, options), 'istio-system/gw'),
    weights: (group = 'rsp-pub-80') => (self.groups.get(group)?.backends ?? []).map((backend) => backend.weight),
    annotate: (suffix, value) => {
      const annotations = { ...self.service.metadata?.annotations };
      if (value === null) delete annotations[prefix + suffix];
      else annotations[prefix + suffix] = value;
      self.service = { ...self.service, metadata: { ...self.service.metadata, annotations } };
    },
  };
  return self;
}

export function gatewayService(
  suffixes: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
): V1Service {
  const annotations = Object.fromEntries(Object.entries(suffixes).map(([suffix, value]) => [prefix + suffix, value]));
  return {
    metadata: {
      name: 'gw',
      namespace: 'istio-system',
      uid: '0123-4567',
      annotations: { 'service.beta.kubernetes.io/backend-type': 'eni', ...annotations, ...more },
    },
    spec: {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Cluster',
      ports: [
        { name: 'http2', port: 80, targetPort: 8080, nodePort: 30544 },
        { name: 'https', port: 443, targetPort: 8443, nodePort: 30682 },
      ],
    },
  };
}

export function node(name: string, more: Partial<V1Node> = {}): V1Node {
  return {
    metadata: { name, labels: {} },
    spec: { providerID: `cn-hangzhou.i-${name}` },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
    ...more,
  };
}

/** Ready pods: an address each, on the node of the same position where nodes are given. */
export function slice(addresses: readonly string[], nodes: readonly string[] = [], ready = true): V1EndpointSlice {
  return {
    addressType: 'IPv4',
    metadata: { name: 'gw-1', labels: { 'kubernetes.io/service-name': 'gw' } },
    ports: [
      { name: 'http2', port: 8080 },
      { name: 'https', port: 8443 },
    ],
    endpoints: addresses.map((address, index) => ({
      addresses: [address],
      nodeName: nodes[index] ?? 'n1',
      conditions: { ready, terminating: false },
    })),
  };
}

function contextOf(self: World, options: WorldOptions): ReconcileContext {
  return {
    clusterId,
    version: options.version ?? '2.14',
    eniOf: options.eniOf ?? eniIdOf,
    sharedNodeChurn: options.sharedNodeChurn ?? false,
    clb: clbApi(client(self), 'cn-hangzhou'),
    kube: {
      service: () => self.service,
      slices: () => self.slices,
      nodes: () => self.nodes,
      patchService: async (_key, body) => patch(self, body),
      patchServiceStatus: async (_key, body) => patch(self, body),
      record: (_service, event) => void self.events.push(event),
    },
  };
}

function patch(self: World, body: object): void {
  self.service = merge(self.service, body) as V1Service;
}

function merge(value: unknown, change: unknown): unknown {
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return change;
  const result = new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
  for (const [key, part] of Object.entries(change)) {
    if (part === null) result.delete(key);
    else result.set(key, merge(result.get(key), part));
  }
  return Object.fromEntries(result);
}

function client(self: World): ClbClient {
  return async (action, params) => {
    self.calls.push(action);
    const refusal = self.refuses.get(action);
    if (refusal !== undefined) throw refusal;
    const id = params['VServerGroupId'] ?? '';
    const servers = JSON.parse(params['BackendServers'] ?? '[]') as Record<string, string | number>[];
    switch (action) {
      case 'DescribeLoadBalancerAttribute':
        return { LoadBalancerId: params['LoadBalancerId'], Address: '198.51.100.7', AddressType: 'internet' };
      case 'ListTagResources':
        return { TagResources: { TagResource: [...self.tags].map(([TagKey, TagValue]) => ({ TagKey, TagValue })) } };
      case 'TagResources':
        return self.tags.set(params['Tag.1.Key'] ?? '', params['Tag.1.Value'] ?? '');
      case 'DescribeVServerGroups':
        return {
          VServerGroups: {
            VServerGroup: [...self.groups].map(([VServerGroupId, { name }]) => ({
              VServerGroupId,
              VServerGroupName: name,
            })),
          },
        };
      case 'DescribeVServerGroupAttribute':
        return { BackendServers: { BackendServer: (self.groups.get(id)?.backends ?? []).map(described) } };
      case 'CreateVServerGroup':
        return created(self, params['VServerGroupName'] ?? '');
      case 'DeleteVServerGroup':
        if (self.boundGroups.has(id)) throw { code: 'RspoolVipExist', message: 'The vserver group is in use.' };
        return self.groups.delete(id);
      default:
        return change(self, action, id, servers);
    }
  };
}

function created(self: World, name: string): object {
  const id = `rsp-${name}`;
  self.groups.set(id, { name, backends: [] });
  return { VServerGroupId: id };
}

function change(self: World, action: string, id: string, servers: readonly Record<string, string | number>[]): object {
  const backends = self.groups.get(id)?.backends ?? [];
  self.calls[self.calls.length - 1] = `${action} ${id} x${servers.length}`;
  for (const server of servers) {
    const at = backends.findIndex(
      (one) =>
        one.serverId === server['ServerId'] &&
        one.port === server['Port'] &&
        one.serverIp === (server['ServerIp'] ?? ''),
    );
    const backend: CloudBackend = {
      serverId: String(server['ServerId']),
      serverIp: String(server['ServerIp'] ?? ''),
      port: Number(server['Port']),
      weight: Number(server['Weight']),
      type: server['Type'] === 'eni' ? 'eni' : 'ecs',
      description: String(server['Description']),
    };
    if (action === 'AddVServerGroupBackendServers') backends.push(backend);
    else if (action === 'RemoveVServerGroupBackendServers' && at >= 0) backends.splice(at, 1);
    else if (action === 'SetVServerGroupAttribute' && at >= 0) backends[at] = backend;
  }
  return {};
}

/** As old documents show them: Port and Weight as text. */
function described(backend: CloudBackend): object {
  return {
    ServerId: backend.serverId,
    ServerIp: backend.serverIp,
    Port: String(backend.port),
    Weight: String(backend.weight),
    Type: backend.type,
    Description: backend.description,
  };
}
