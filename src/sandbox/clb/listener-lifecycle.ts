import { type Action, type Cloud, namedListener, namedLoadBalancer, type Write } from './cloud.ts';
import { clbErrors } from './errors.ts';
import { withFields } from './listener-fields.ts';
import { type Listener, type LoadBalancer, listenerOf, listenerProtocols } from './load-balancer.ts';
import { integerIn, oneOf, optional, type Params, required } from './params.ts';

/** Quota of an account as it comes (reference B1). */
const listenersMax = 50;

/** How listeners come, run, rest and go. A new one is stopped until it is started, as the real one. */
export const listenerLifecycle: Readonly<Record<string, Action>> = {
  CreateLoadBalancerTCPListener: { kind: 'write', run: create('tcp') },
  CreateLoadBalancerHTTPListener: { kind: 'write', run: create('http') },
  StartLoadBalancerListener: { kind: 'write', run: turn('running') },
  StopLoadBalancerListener: { kind: 'write', run: turn('stopped') },
  DeleteLoadBalancerListener: { kind: 'write', run: remove },
};

function create(protocol: 'tcp' | 'http'): (cloud: Cloud, params: Params) => Write {
  return (cloud, params) => {
    const loadBalancer = namedLoadBalancer(cloud, params);
    const port = integerIn('ListenerPort', required(params, 'ListenerPort'), 1, 65_535);
    if (loadBalancer.listeners.some((listener) => listener.port === port)) throw clbErrors.listenerExists();
    if (loadBalancer.listeners.length >= listenersMax) throw clbErrors.overQuota();
    if (protocol === 'http') for (const name of ['StickySession', 'HealthCheck']) required(params, name);
    const empty = listenerOf({ port, protocol, status: 'stopped', vServerGroupId: groupFor(loadBalancer, params) });
    return written(loadBalancer, [...loadBalancer.listeners, withFields(empty, params)]);
  };
}

/** A vServer group, or the default group, in which nothing here ever puts a server: that takes a port of its own. */
function groupFor(loadBalancer: LoadBalancer, params: Params): string | null {
  const id = optional(params, 'VServerGroupId');
  if (id === null) {
    integerIn('BackendServerPort', required(params, 'BackendServerPort'), 1, 65_535);
    return null;
  }
  if (!loadBalancer.groups.some((group) => group.id === id)) throw clbErrors.groupNotFound();
  return id;
}

function turn(status: Listener['status']): (cloud: Cloud, params: Params) => Write {
  return (cloud, params) => {
    const { loadBalancer, listener } = named(cloud, params);
    const changed = loadBalancer.listeners.map((one) => (one === listener ? { ...one, status } : one));
    return written(loadBalancer, changed);
  };
}

function remove(cloud: Cloud, params: Params): Write {
  const { loadBalancer, listener } = named(cloud, params);
  return written(
    loadBalancer,
    loadBalancer.listeners.filter((one) => one !== listener),
  );
}

/** The listener at ListenerPort; with another ListenerProtocol than its own it is not found. */
function named(cloud: Cloud, params: Params): { readonly loadBalancer: LoadBalancer; readonly listener: Listener } {
  const loadBalancer = namedLoadBalancer(cloud, params);
  const listener = namedListener(loadBalancer, params);
  const protocol = optional(params, 'ListenerProtocol');
  if (protocol !== null && oneOf('ListenerProtocol', protocol.toLowerCase(), listenerProtocols) !== listener.protocol) {
    throw clbErrors.listenerNotFound();
  }
  return { loadBalancer, listener };
}

function written(loadBalancer: LoadBalancer, listeners: readonly Listener[]): Write {
  return { loadBalancerId: loadBalancer.id, next: { ...loadBalancer, listeners }, isLocked: true, body: {} };
}
