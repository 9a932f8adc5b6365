const pinsMax = 20_000;

interface Pin {
  readonly backend: string;
  readonly untilMs: number;
}

/**
 * Which backend the clients of listeners with PersistenceTimeout are bound to, by source address (reference E13). A pin
 * lives that long after its last use; where there are too many, the one longest unused goes.
 */
export class PersistenceBook {
  /** In the order of last use. */
  readonly #pins = new Map<string, Pin>();

  /** The key of the backend that a client is bound to, or null. */
  backendOf(client: string, now: number): string | null {
    const pin = this.#pins.get(client);
    if (pin === undefined) return null;
    if (now < pin.untilMs) return pin.backend;
    this.#pins.delete(client);
    return null;
  }

  bind(client: string, backend: string, untilMs: number): void {
    this.#pins.delete(client);
    this.#pins.set(client, { backend, untilMs });
    if (this.#pins.size <= pinsMax) return;
    const [oldest] = this.#pins.keys();
    if (oldest !== undefined) this.#pins.delete(oldest);
  }
}
