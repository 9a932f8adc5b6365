import type { Socket } from 'node:net';

/** Connections through load balancers that are open at a gateway. */
export interface OpenConnections {
  readonly total: number;
  /** By the load balancer that their requests name; one of an L4 listener is in the total alone. */
  readonly loadBalancers: Readonly<Record<string, number>>;
}

/**
 * Counts a connection from its first ordinary request until it closes (Envoy: `downstream_cx_active`). Health checks and
 * probes open connections too, and until a request comes nothing tells theirs from another.
 */
export class ConnectionBook {
  readonly #loadBalancers = new Map<string, number>();
  readonly #known = new WeakSet<Socket>();
  #total = 0;

  /** A request on a connection. @param loadBalancer null where the request names none */
  use(connection: Socket, loadBalancer: string | null): void {
    if (this.#known.has(connection) || connection.destroyed) return;
    this.#known.add(connection);
    this.#add(loadBalancer, 1);
    connection.once('close', () => this.#add(loadBalancer, -1));
  }

  open(): OpenConnections {
    return { total: this.#total, loadBalancers: Object.fromEntries(this.#loadBalancers) };
  }

  #add(loadBalancer: string | null, change: number): void {
    this.#total += change;
    if (loadBalancer === null) return;
    this.#loadBalancers.set(loadBalancer, (this.#loadBalancers.get(loadBalancer) ?? 0) + change);
  }
}
