import type { CloudBackend } from './backend-set.ts';
import { batches } from './vgroup-diff.ts';

/** One call of the CLB OpenAPI; rejects with an error that has `code`, `status` and `message`. */
export type ClbClient = (action: string, params: Record<string, string>) => Promise<unknown>;

export interface FoundLoadBalancer {
  readonly id: string;
  readonly address: string;
  readonly addressType: string;
}

export interface FoundGroup {
  readonly id: string;
  readonly name: string;
}

/** The calls that the cloud controller makes, with the vendor's parameter names and the controller's batches (A9). */
export interface ClbApi {
  /** Null where nothing has that id, tag or name. */
  loadBalancerById(id: string): Promise<FoundLoadBalancer>;
  loadBalancerMadeFor(uid: string): Promise<FoundLoadBalancer | null>;
  createLoadBalancer(name: string, addressType: string): Promise<string>;
  deleteLoadBalancer(id: string): Promise<void>;
  tagKeys(id: string): Promise<readonly string[]>;
  tag(id: string, key: string, value: string): Promise<void>;
  listenerPorts(id: string): Promise<readonly number[]>;
  /** A TCP listener in front of a group, running; `rr` is what the controller takes where nothing is annotated (A2). */
  createListener(id: string, port: number, group: string): Promise<void>;
  groups(loadBalancer: string): Promise<readonly FoundGroup[]>;
  backends(group: string): Promise<readonly CloudBackend[]>;
  createGroup(loadBalancer: string, name: string): Promise<string>;
  deleteGroup(group: string): Promise<void>;
  change(action: BackendAction, group: string, backends: readonly CloudBackend[]): Promise<void>;
}

type BackendAction = 'AddVServerGroupBackendServers' | 'RemoveVServerGroupBackendServers' | 'SetVServerGroupAttribute';

/** Tag of a load balancer that the controller made, and of one that it was told to reuse (reference A7). */
export const madeTag = 'kubernetes.do.not.delete';
export const reusedTag = 'kubernetes.reused.by.user';
export const clusterTag = 'ack.aliyun.com';

/** `a` and the first 31 hex digits of the Service's uid: name and tag value of a load balancer made for it. */
export function madeName(uid: string): string {
  return `a${uid.replaceAll('-', '').slice(0, 31)}`;
}

export function clbApi(client: ClbClient, regionId: string): ClbApi {
  const call = async (action: string, params: Record<string, string>): Promise<Body> =>
    bodyOf(
      await client(action, { RegionId: regionId, ...params }).catch((cause: unknown) =>
        Promise.reject(asSdkError(cause)),
      ),
    );
  return {
    loadBalancerById: async (id) => foundOf(await call('DescribeLoadBalancerAttribute', { LoadBalancerId: id })),
    loadBalancerMadeFor: (uid) => findMade(call, madeName(uid)),
    createLoadBalancer: async (name, addressType) =>
      text((await call('CreateLoadBalancer', { LoadBalancerName: name, AddressType: addressType }))['LoadBalancerId']),
    deleteLoadBalancer: async (id) => void (await call('DeleteLoadBalancer', { LoadBalancerId: id })),
    tagKeys: async (id) => {
      const body = await call('ListTagResources', { ResourceType: 'instance', 'ResourceId.1': id });
      return listAt(body, 'TagResources', 'TagResource').map((tag) => text(tag['TagKey']));
    },
    tag: async (id, key, value) =>
      void (await call('TagResources', {
        ResourceType: 'instance',
        'ResourceId.1': id,
        'Tag.1.Key': key,
        'Tag.1.Value': value,
      })),
    listenerPorts: async (id) => {
      const body = await call('DescribeLoadBalancerAttribute', { LoadBalancerId: id });
      const listed = listAt(body, 'ListenerPortsAndProtocol', 'ListenerPortAndProtocol');
      return listed.map((one) => Number(one['ListenerPort']));
    },
    createListener: async (id, port, group) => {
      const named = { LoadBalancerId: id, ListenerPort: String(port) };
      const settings = { VServerGroupId: group, Scheduler: 'rr', Bandwidth: '-1' };
      await call('CreateLoadBalancerTCPListener', { ...named, ...settings });
      await call('StartLoadBalancerListener', { ...named, ListenerProtocol: 'tcp' });
    },
    groups: async (loadBalancer) => {
      const body = await call('DescribeVServerGroups', { LoadBalancerId: loadBalancer });
      return listAt(body, 'VServerGroups', 'VServerGroup').map((group) => ({
        id: text(group['VServerGroupId']),
        name: text(group['VServerGroupName']),
      }));
    },
    backends: async (group) =>
      listAt(
        await call('DescribeVServerGroupAttribute', { VServerGroupId: group }),
        'BackendServers',
        'BackendServer',
      ).map(backendOf),
    createGroup: async (loadBalancer, name) =>
      text(
        (await call('CreateVServerGroup', { LoadBalancerId: loadBalancer, VServerGroupName: name }))['VServerGroupId'],
      ),
    deleteGroup: async (group) => void (await call('DeleteVServerGroup', { VServerGroupId: group })),
    change: async (action, group, backends) => {
      for (const batch of batches(backends)) {
        await call(action, { VServerGroupId: group, BackendServers: JSON.stringify(batch.map(asServer)) });
      }
    },
  };
}

type Body = Readonly<Record<string, unknown>>;
type Call = (action: string, params: Record<string, string>) => Promise<Body>;

/** By tag first, then by name: a load balancer whose tag was taken away is adopted again (reference A7). */
async function findMade(call: Call, name: string): Promise<FoundLoadBalancer | null> {
  const byTag = await call('DescribeLoadBalancers', { Tags: JSON.stringify([{ TagKey: madeTag, TagValue: name }]) });
  const [tagged] = listAt(byTag, 'LoadBalancers', 'LoadBalancer');
  if (tagged !== undefined) return foundOf(tagged);
  const [named] = listAt(
    await call('DescribeLoadBalancers', { LoadBalancerName: name }),
    'LoadBalancers',
    'LoadBalancer',
  );
  return named === undefined ? null : foundOf(named);
}

function foundOf(body: Body): FoundLoadBalancer {
  return { id: text(body['LoadBalancerId']), address: text(body['Address']), addressType: text(body['AddressType']) };
}

/** Port and Weight come as numbers or as strings, depending on the API's mood (reference B1). */
function backendOf(server: Body): CloudBackend {
  return {
    serverId: text(server['ServerId']),
    serverIp: text(server['ServerIp']),
    port: Number(server['Port']),
    weight: Number(server['Weight']),
    type: server['Type'] === 'eni' ? 'eni' : 'ecs',
    description: text(server['Description']),
  };
}

function asServer(backend: CloudBackend): Record<string, unknown> {
  return {
    ServerId: backend.serverId,
    ...(backend.serverIp === '' ? {} : { ServerIp: backend.serverIp }),
    Port: backend.port,
    Weight: backend.weight,
    Type: backend.type,
    Description: backend.description,
  };
}

function bodyOf(value: unknown): Body {
  return typeof value === 'object' && value !== null ? (value as Body) : {};
}

function listAt(body: Body, outer: string, inner: string): readonly Body[] {
  const list = bodyOf(body[outer])[inner];
  return Array.isArray(list) ? list.map(bodyOf) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value);
}

/** The text of the vendor's Go SDK, which the controller's event messages cut down to `Message: ...` (reference A10). */
function asSdkError(cause: unknown): Error {
  const { code, message, requestId } = bodyOf(cause);
  if (typeof code !== 'string') return cause instanceof Error ? cause : new Error(String(cause));
  const report = `SDK.ServerError\nErrorCode: ${code}\nRecommend: \nRequestId: ${text(requestId)}\nMessage: ${text(message)}`;
  return new Error(report, { cause });
}

/** `Message: ...` of an SDK error, else the whole text. */
export function eventText(error: Error): string {
  return /.*(Message:.*)/.exec(error.message)?.[1] ?? error.message;
}
