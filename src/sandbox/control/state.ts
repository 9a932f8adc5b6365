import type { ClbBackend, Listener, LoadBalancer } from '../clb/load-balancer.ts';
import type { ClbModel } from '../clb/model.ts';

/** `GET /state`, the part of the load balancers: as they are, not as anybody asked. */
export function loadBalancersState(model: ClbModel, now: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(model.loadBalancers(now).map((one) => [one.id, loadBalancerState(model, one, now)]));
}

function loadBalancerState(model: ClbModel, loadBalancer: LoadBalancer, now: number): unknown {
  const { address, status, listeners, groups, tags } = loadBalancer;
  return {
    address,
    status,
    tags,
    listeners: Object.fromEntries(listeners.map((listener) => [listener.port, listenerState(listener)])),
    groups: Object.fromEntries(
      groups.map(({ id, name, backends }) => {
        const listener = listeners.find(({ vServerGroupId }) => vServerGroupId === id);
        const ref = { loadBalancerId: loadBalancer.id, port: listener?.port ?? 0 };
        const health = (backend: ClbBackend) => (listener ? model.healthOf(ref, backend, now) : 'unavailable');
        return [
          id,
          { name, backends: backends.map((backend) => ({ ...backendState(backend), health: health(backend) })) },
        ];
      }),
    ),
  };
}

function listenerState({ protocol, status, scheduler, vServerGroupId }: Listener): unknown {
  return { protocol, status, scheduler, group: vServerGroupId };
}

function backendState({
  serverId,
  serverIp,
  port,
  weight,
  type,
  description,
}: ClbBackend): Readonly<Record<string, unknown>> {
  return { serverId, serverIp, port, weight, type, owner: ownerOf(description) };
}

/** `namespace/name` of the Service that a backend belongs to, or null where it is nobody's (reference A6). */
function ownerOf(description: string): string | null {
  const parts = description.split('/');
  const [prefix, , name, namespace] = parts;
  return parts.length === 5 && prefix === 'k8s' ? `${namespace}/${name}` : null;
}
