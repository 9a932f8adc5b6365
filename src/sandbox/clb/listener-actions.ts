import {
  type Action,
  type Body,
  type Cloud,
  loadBalancerWith,
  namedListener,
  namedLoadBalancer,
  type Write,
} from './cloud.ts';
import { clbErrors } from './errors.ts';
import { ownFields, withFields } from './listener-fields.ts';
import { type Listener, type ListenerProtocol, type LoadBalancer, listenerProtocols } from './load-balancer.ts';
import { listParam, oneOf, optional, optionalInteger, type Params, pageByToken } from './params.ts';

const partNames: Readonly<Record<ListenerProtocol, string>> = {
  tcp: 'TCPListenerConfig',
  udp: 'UDPListenerConfig',
  http: 'HTTPListenerConfig',
  https: 'HTTPSListenerConfig',
};
const balancersPerCallMax = 10;

/** Reads and changes of listeners (reference B1); the scheduler is what the migration depends on (reference E1). */
export const listenerActions: Readonly<Record<string, Action>> = {
  DescribeLoadBalancerListeners: { kind: 'read', run: describeListeners },
  DescribeLoadBalancerTCPListenerAttribute: { kind: 'read', run: describeAttribute('tcp') },
  DescribeLoadBalancerUDPListenerAttribute: { kind: 'read', run: describeAttribute('udp') },
  DescribeLoadBalancerHTTPListenerAttribute: { kind: 'read', run: describeAttribute('http') },
  DescribeLoadBalancerHTTPSListenerAttribute: { kind: 'read', run: describeAttribute('https') },
  SetLoadBalancerTCPListenerAttribute: { kind: 'write', run: setAttribute('tcp') },
  SetLoadBalancerUDPListenerAttribute: { kind: 'write', run: setAttribute('udp') },
  SetLoadBalancerHTTPListenerAttribute: { kind: 'write', run: setAttribute('http') },
  SetLoadBalancerHTTPSListenerAttribute: { kind: 'write', run: setAttribute('https') },
};

function describeListeners(cloud: Cloud, params: Params): Body {
  const ids = listParam(params, 'LoadBalancerId');
  if (ids.length > balancersPerCallMax) throw clbErrors.invalid('LoadBalancerId');
  const named = ids.length === 0 ? cloud.loadBalancers : ids.map((id) => loadBalancerWith(cloud, id));
  const protocol = optional(params, 'ListenerProtocol');
  const wanted = protocol === null ? null : oneOf('ListenerProtocol', protocol.toLowerCase(), listenerProtocols);
  const size = optionalInteger(params, 'MaxResults', 1, 100) ?? 20;
  const found = named.flatMap((loadBalancer) =>
    loadBalancer.listeners
      .filter((listener) => wanted === null || listener.protocol === wanted)
      .map((listener) => ({ loadBalancer, listener })),
  );
  const { page, nextToken } = pageByToken(found, optional(params, 'NextToken'), size);
  return {
    Listeners: page.map(({ loadBalancer, listener }) => ({
      ...common(loadBalancer, listener),
      ListenerProtocol: listener.protocol,
      [partNames[listener.protocol]]: ownFields(listener),
    })),
    NextToken: nextToken,
    MaxResults: size,
    TotalCount: found.length,
  };
}

function describeAttribute(protocol: ListenerProtocol): (cloud: Cloud, params: Params) => Body {
  return (cloud, params) => {
    const loadBalancer = namedLoadBalancer(cloud, params);
    const listener = listenerOver(loadBalancer, params, protocol);
    return {
      ...common(loadBalancer, listener),
      ...ownFields(listener),
      Rules: {
        Rule: listener.rules.map((rule) => ({
          RuleId: rule.id,
          RuleName: rule.name,
          Domain: rule.domain,
          Url: rule.url,
          VServerGroupId: rule.vServerGroupId,
        })),
      },
    };
  };
}

function setAttribute(protocol: ListenerProtocol): (cloud: Cloud, params: Params) => Write {
  return (cloud, params) => {
    const loadBalancer = namedLoadBalancer(cloud, params);
    const before = listenerOver(loadBalancer, params, protocol);
    const after = { ...withFields(before, params), vServerGroupId: groupNamed(loadBalancer, before, params) };
    return {
      loadBalancerId: loadBalancer.id,
      next: {
        ...loadBalancer,
        listeners: loadBalancer.listeners.map((listener) => (listener === before ? after : listener)),
      },
      isLocked: true,
      body: {},
    };
  };
}

function groupNamed(loadBalancer: LoadBalancer, listener: Listener, params: Params): string | null {
  const id = optional(params, 'VServerGroupId');
  if (id === null) return listener.vServerGroupId;
  if (!loadBalancer.groups.some((group) => group.id === id)) throw clbErrors.groupNotFound();
  return id;
}

function listenerOver(loadBalancer: LoadBalancer, params: Params, protocol: ListenerProtocol): Listener {
  const listener = namedListener(loadBalancer, params);
  if (listener.protocol !== protocol) throw clbErrors.otherProtocol();
  return listener;
}

function common(loadBalancer: LoadBalancer, listener: Listener): Body {
  return {
    LoadBalancerId: loadBalancer.id,
    ListenerPort: listener.port,
    Status: listener.status,
    Description: listener.description,
    Scheduler: listener.scheduler,
    AclStatus: 'off',
    Bandwidth: -1,
    ...(listener.vServerGroupId === null ? {} : { VServerGroupId: listener.vServerGroupId }),
  };
}
