import type { ClbBackend, Listener, LoadBalancer } from '../clb/load-balancer.ts';
import type { ClbModel } from '../clb/model.ts';
import type { DataPlane } from '../data-plane/load-balancer.ts';

type Entries = DataPlane['entries'];

/** `GET /state`, the part of the load balancers: as they are, not as anybody asked. */
export function loadBalancersState(model: ClbModel, entries: Entries, now: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    model.loadBalancers(now).map((one) => [one.id, loadBalancerState(model, one, entries[one.id] ?? {}, now)]),
  );
}

function loadBalancerState(
  model: ClbModel,
  loadBalancer: LoadBalancer,
  entries: Entries[string],
  now: number,
): unknown {
  const { id, address, status, listeners, groups, tags } = loadBalancer;
  const open = model.connections().filter(({ listener }) => listener.loadBalancerId === id);
  const openAt = (port: number): number => sumOf(open.filter(({ listener }) => listener.port === port));
  return {
    address,
    status,
    tags,
    listeners: Object.fromEntries(
      listeners.map((listener) => [
        listener.port,
        { ...listenerState(listener), entry: entries[listener.port] ?? null, connections: openAt(listener.port) },
      ]),
    ),
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

function sumOf(open: readonly { readonly open: number }[]): number {
  return open.reduce((sum, one) => sum + one.open, 0);
}

function listenerState(listener: Listener): Readonly<Record<string, unknown>> {
  const { protocol, status, scheduler, vServerGroupId } = listener;
  return { protocol, status, scheduler, stickiness: stickinessOf(listener), group: vServerGroupId };
}

/** What binds a client to its backend regardless of weights, and for how long (reference E13); null: nothing does. */
function stickinessOf(listener: Listener): unknown {
  const { protocol, stickySession, stickySessionType, cookieTimeoutS, persistenceTimeoutS } = listener;
  if (protocol === 'tcp' || protocol === 'udp') {
    return persistenceTimeoutS === 0 ? null : { by: 'source address', timeoutS: persistenceTimeoutS };
  }
  if (stickySession === 'off') return null;
  return stickySessionType === 'insert' ? { by: 'cookie', timeoutS: cookieTimeoutS } : { by: 'cookie of the server' };
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
