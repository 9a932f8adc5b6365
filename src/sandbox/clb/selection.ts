import { ConnectionBook } from './connection-book.ts';
import { backendKey, type ClbBackend, type Listener, type LoadBalancer } from './load-balancer.ts';
import { PersistenceBook } from './persistence-book.ts';
import type { Client } from './scheduler.ts';
import { backendInCookie, insertsCookie } from './sticky-cookie.ts';
import { type Turns, turnsOver } from './turns.ts';

/** What is known of the one who asks for a backend; what is absent does not count. */
export interface Asking {
  readonly client?: Client;
  /** The request's Cookie header. */
  readonly cookie?: string;
  /** The backend that was chosen before and refused the connection. */
  readonly refused?: ClbBackend;
}

/** A listener with what its choice depends on; the health of all backends is one version. */
export interface ListenerView {
  readonly loadBalancer: LoadBalancer;
  readonly listener: Listener;
  readonly healthVersion: number;
  isHealthy(backend: ClbBackend): boolean;
}

interface Kept extends Turns {
  readonly madeFrom: LoadBalancer;
  readonly healthVersion: number;
}

const nobody: Client = { address: '', port: 0 };

/** Who serves the next request or connection of each listener: by stickiness where that holds, else by the scheduler. */
export class Selection {
  readonly connections = new ConnectionBook();
  readonly #kept = new Map<string, Kept>();
  readonly #persistence = new PersistenceBook();

  pick(view: ListenerView, asking: Asking, now: number): ClbBackend | null {
    const stuck = this.#stuckTo(view, asking, now);
    const chosen = stuck ?? this.#scheduled(view, asking);
    if (chosen !== null) this.#bind(view, chosen, asking, now);
    return chosen;
  }

  /** A load balancer that is gone takes no more requests; what is open there closes in its own time. */
  forget(loadBalancerId: string): void {
    for (const key of [...this.#kept.keys()]) if (key.startsWith(`${loadBalancerId}/`)) this.#kept.delete(key);
  }

  /** The backend that this client is bound to, as long as it is healthy; its weight does not matter (reference E13). */
  #stuckTo(view: ListenerView, { client, cookie, refused }: Asking, now: number): ClbBackend | null {
    const { listener } = view;
    const backends = backendsOf(view);
    let found: ClbBackend | null = null;
    if (insertsCookie(listener) && cookie !== undefined) {
      found = backendInCookie(listener, backends, cookie, now);
    } else if (isPersistent(listener) && client !== undefined) {
      const key = this.#persistence.backendOf(clientKey(view, client), now);
      found = backends.find((backend) => backendKey(backend) === key) ?? null;
    }
    const isRefused = found !== null && refused !== undefined && backendKey(found) === backendKey(refused);
    return found === null || isRefused || !view.isHealthy(found) ? null : found;
  }

  #scheduled(view: ListenerView, { client, refused }: Asking): ClbBackend | null {
    const { scheduler } = this.#turnsOf(view);
    if (refused === undefined) return scheduler.next(client ?? nobody);
    return scheduler.insteadOf((one) => backendKey(one) === backendKey(refused), client ?? nobody);
  }

  #bind(view: ListenerView, backend: ClbBackend, { client }: Asking, now: number): void {
    if (client === undefined || !isPersistent(view.listener)) return;
    const untilMs = now + 1000 * view.listener.persistenceTimeoutS;
    this.#persistence.bind(clientKey(view, client), backendKey(backend), untilMs);
  }

  #turnsOf(view: ListenerView): Turns {
    const { loadBalancer, listener, healthVersion } = view;
    const key = `${loadBalancer.id}/${listener.port}`;
    const before = this.#kept.get(key);
    if (before?.madeFrom === loadBalancer && before.healthVersion === healthVersion) return before;
    const ref = { loadBalancerId: loadBalancer.id, port: listener.port };
    const turns = turnsOver(
      backendsOf(view).filter((backend) => backend.weight > 0 && view.isHealthy(backend)),
      listener.scheduler,
      (backend) => this.connections.count(ref, backend),
      before,
    );
    this.#kept.set(key, { ...turns, madeFrom: loadBalancer, healthVersion });
    return turns;
  }
}

function backendsOf({ loadBalancer, listener }: ListenerView): readonly ClbBackend[] {
  return loadBalancer.groups.find((one) => one.id === listener.vServerGroupId)?.backends ?? [];
}

function isPersistent({ protocol, persistenceTimeoutS }: Listener): boolean {
  return (protocol === 'tcp' || protocol === 'udp') && persistenceTimeoutS > 0;
}

function clientKey({ loadBalancer, listener }: ListenerView, { address }: Client): string {
  return `${loadBalancer.id}/${listener.port}/${address}`;
}
