import { type Action, type Body, type Cloud, namedLoadBalancer, type Write } from './cloud.ts';
import { clbErrors } from './errors.ts';
import { type LoadBalancer, loadBalancerOf } from './load-balancer.ts';
import { oneOf, optional, optionalInteger, type Params, required, tagParams } from './params.ts';

const loadBalancersMax = 60;

/** Instances as a whole: finding, reading, and what the cloud controller makes for a Service without an id. */
export const loadBalancerActions: Readonly<Record<string, Action>> = {
  DescribeLoadBalancers: { kind: 'read', run: describeAll },
  DescribeLoadBalancerAttribute: {
    kind: 'read',
    run: (cloud, params) => attributeOf(namedLoadBalancer(cloud, params)),
  },
  CreateLoadBalancer: { kind: 'write', run: create },
  DeleteLoadBalancer: { kind: 'write', run: remove },
};

function describeAll(cloud: Cloud, params: Params): Body {
  const ids = optional(params, 'LoadBalancerId')?.split(',') ?? null;
  const name = optional(params, 'LoadBalancerName');
  const tags = wantedTags(params);
  const size = optionalInteger(params, 'PageSize', 1, 100) ?? 10;
  const number = optionalInteger(params, 'PageNumber', 1, 100_000) ?? 1;
  const found = cloud.loadBalancers.filter(
    (one) =>
      (ids === null || ids.includes(one.id)) &&
      (name === null || one.name === name) &&
      tags.every(({ key, value }) => Object.hasOwn(one.tags, key) && (value === '' || one.tags[key] === value)),
  );
  return {
    LoadBalancers: { LoadBalancer: found.slice((number - 1) * size, number * size).map(summaryOf) },
    PageNumber: number,
    PageSize: size,
    TotalCount: found.length,
  };
}

/** `Tag.1.Key`..., or the older `Tags`, a JSON list of {TagKey, TagValue}. */
function wantedTags(params: Params): readonly { readonly key: string; readonly value: string }[] {
  const old = optional(params, 'Tags');
  if (old === null) return tagParams(params);
  const list = jsonList(old);
  return list.map((tag) => {
    const { TagKey: key, TagValue: value } = tag as { readonly TagKey?: unknown; readonly TagValue?: unknown };
    if (typeof key !== 'string') throw clbErrors.invalid('Tags');
    return { key, value: typeof value === 'string' ? value : '' };
  });
}

function jsonList(text: string): readonly object[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.length <= 20 && value.every((one) => typeof one === 'object' && one !== null)) {
      return value;
    }
  } catch {
    throw clbErrors.invalid('Tags');
  }
  throw clbErrors.invalid('Tags');
}

function summaryOf(one: LoadBalancer): Body {
  return {
    LoadBalancerId: one.id,
    LoadBalancerName: one.name,
    LoadBalancerStatus: one.status,
    Address: one.address,
    AddressType: one.addressType,
    AddressIPVersion: 'ipv4',
    NetworkType: one.networkType,
    VpcId: one.vpcId,
    LoadBalancerSpec: one.spec,
    DeleteProtection: one.deleteProtection,
    ModificationProtectionStatus: one.modificationProtection,
    Tags: { Tag: Object.entries(one.tags).map(([key, value]) => ({ TagKey: key, TagValue: value })) },
  };
}

function attributeOf(one: LoadBalancer): Body {
  return {
    ...summaryOf(one),
    ListenerPorts: { ListenerPort: one.listeners.map((listener) => listener.port) },
    ListenerPortsAndProtocol: {
      ListenerPortAndProtocol: one.listeners.map((listener) => ({
        ListenerPort: listener.port,
        ListenerProtocol: listener.protocol,
        ListenerForward: listener.listenerForward,
        ...(listener.forwardPort === null ? {} : { ForwardPort: listener.forwardPort }),
        Description: listener.description,
      })),
    },
    // The default server group: nothing here ever puts a server into it.
    BackendServers: { BackendServer: [] },
  };
}

function create(cloud: Cloud, params: Params): Write {
  if (cloud.loadBalancers.length >= loadBalancersMax) throw clbErrors.overQuota();
  const id = cloud.newId('lb');
  const made = loadBalancerOf({
    id,
    name: optional(params, 'LoadBalancerName') ?? id,
    address: `47.96.0.${cloud.loadBalancers.length + 1}`,
    addressType: oneOf('AddressType', optional(params, 'AddressType') ?? 'internet', ['internet', 'intranet']),
    deleteProtection: oneOf('DeleteProtection', optional(params, 'DeleteProtection') ?? 'off', ['on', 'off']),
  });
  return {
    loadBalancerId: id,
    next: made,
    isLocked: false,
    body: { LoadBalancerId: id, LoadBalancerName: made.name, Address: made.address, AddressType: made.addressType },
  };
}

function remove(cloud: Cloud, params: Params): Write {
  required(params, 'LoadBalancerId');
  const { id } = namedLoadBalancer(cloud, params);
  return { loadBalancerId: id, next: null, isLocked: true, body: {} };
}
