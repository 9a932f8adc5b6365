import { type Action, type Body, type Cloud, namedListener, namedLoadBalancer } from './cloud.ts';
import { clbErrors } from './errors.ts';
import { type Listener, type LoadBalancer, listenerProtocols } from './load-balancer.ts';
import { oneOf, optional, type Params } from './params.ts';

export const healthActions: Readonly<Record<string, Action>> = {
  DescribeHealthStatus: { kind: 'read', run: describeHealth },
};

/** Backends of every listener asked for; one without health check says `unavailable`, if any other has one (B1, E14). */
function describeHealth(cloud: Cloud, params: Params): Body {
  const loadBalancer = namedLoadBalancer(cloud, params);
  const listeners = asked(loadBalancer, params);
  if (listeners.every((listener) => listener.healthCheck === 'off')) throw clbErrors.checkedListenerNotFound();
  return {
    BackendServers: { BackendServer: listeners.flatMap((listener) => serversOf(cloud, loadBalancer, listener)) },
  };
}

function asked(loadBalancer: LoadBalancer, params: Params): readonly Listener[] {
  const protocol = optional(params, 'ListenerProtocol');
  const wanted = protocol === null ? null : oneOf('ListenerProtocol', protocol.toLowerCase(), listenerProtocols);
  const named =
    optional(params, 'ListenerPort') === null ? loadBalancer.listeners : [namedListener(loadBalancer, params)];
  const found = named.filter((listener) => wanted === null || listener.protocol === wanted);
  if (wanted !== null && found.length === 0) throw clbErrors.listenerNotFound();
  return found;
}

function serversOf(cloud: Cloud, loadBalancer: LoadBalancer, listener: Listener): readonly Body[] {
  const group = loadBalancer.groups.find((one) => one.id === listener.vServerGroupId);
  return (group?.backends ?? []).map((backend) => ({
    ListenerPort: listener.port,
    Protocol: listener.protocol,
    ServerId: backend.serverId,
    ServerIp: backend.serverIp,
    Port: backend.port,
    Type: backend.type,
    ServerHealthStatus: cloud.healthOf(loadBalancer, listener, backend),
  }));
}
