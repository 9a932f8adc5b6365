import { backendKey, type ClbBackend } from './load-balancer.ts';

/** A listener of a load balancer, by its port. */
export interface ListenerRef {
  readonly loadBalancerId: string;
  readonly port: number;
}

/**
 * What is open at one backend of a listener: connections at a TCP listener, requests under way at an HTTP one. The
 * backend is as it was when the first of them was opened; by now it may have another weight, or be gone.
 */
export interface OpenConnections {
  readonly listener: ListenerRef;
  readonly backend: ClbBackend;
  readonly open: number;
}

/** Open connections, counted where they are opened and closed; they outlive weights, health and groups. */
export class ConnectionBook {
  readonly #entries = new Map<string, OpenConnections>();

  open(listener: ListenerRef, backend: ClbBackend): void {
    const key = entryKey(listener, backend);
    const { open, ...entry } = this.#entries.get(key) ?? { listener, backend, open: 0 };
    this.#entries.set(key, { ...entry, open: open + 1 });
  }

  close(listener: ListenerRef, backend: ClbBackend): void {
    const key = entryKey(listener, backend);
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new Error(`no connection is open at ${key}`);
    if (entry.open === 1) this.#entries.delete(key);
    else this.#entries.set(key, { ...entry, open: entry.open - 1 });
  }

  count(listener: ListenerRef, backend: ClbBackend): number {
    return this.#entries.get(entryKey(listener, backend))?.open ?? 0;
  }

  list(): readonly OpenConnections[] {
    return [...this.#entries.values()];
  }
}

function entryKey({ loadBalancerId, port }: ListenerRef, backend: ClbBackend): string {
  return `${loadBalancerId}/${port}/${backendKey(backend)}`;
}
