import { type Health, type HealthStatus, healthAfter } from './health.ts';
import { backendKey, type ClbBackend, type Listener, type LoadBalancer } from './load-balancer.ts';

/** The health of every backend at every listener that checks it. */
export class HealthBook {
  readonly #health = new Map<string, Health>();
  #version = 0;

  /** Grows whenever a status changes. */
  get version(): number {
    return this.#version;
  }

  record(loadBalancer: LoadBalancer, listener: Listener, backend: ClbBackend, ok: boolean): void {
    const key = healthKey(loadBalancer, listener, backend);
    const before = this.#health.get(key);
    const after = healthAfter(before, ok, listener);
    this.#health.set(key, after);
    if (before?.status !== after.status) this.#version += 1;
  }

  statusOf(loadBalancer: LoadBalancer, listener: Listener, backend: ClbBackend): HealthStatus {
    if (listener.healthCheck === 'off') return 'unavailable';
    return this.#health.get(healthKey(loadBalancer, listener, backend))?.status ?? 'unavailable';
  }

  /** Drops what no longer exists: a backend that left and comes back starts unchecked. */
  follow(before: LoadBalancer, after: LoadBalancer | null): void {
    const kept = new Set(after === null ? [] : healthKeys(after));
    for (const key of healthKeys(before)) {
      if (!kept.has(key) && this.#health.delete(key)) this.#version += 1;
    }
  }
}

/** The listeners that check the backends of a group. */
export function checkedListeners(loadBalancer: LoadBalancer, group: string): readonly Listener[] {
  return loadBalancer.listeners.filter((one) => one.vServerGroupId === group && one.healthCheck === 'on');
}

function healthKey(loadBalancer: LoadBalancer, listener: Listener, backend: ClbBackend): string {
  return `${loadBalancer.id}/${listener.port}/${listener.vServerGroupId}/${backendKey(backend)}`;
}

function healthKeys(loadBalancer: LoadBalancer): readonly string[] {
  return loadBalancer.groups.flatMap((group) =>
    checkedListeners(loadBalancer, group.id).flatMap((listener) =>
      group.backends.map((backend) => healthKey(loadBalancer, listener, backend)),
    ),
  );
}
