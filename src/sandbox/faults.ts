import type { Random } from './random.ts';

export const faultPlaces = ['ack', 'asm', 'controller', 'mesh', 'clb', 'redis', 'functions', 'chat'] as const;
export const faultKinds = ['error', 'delay', 'drop', 'stall', 'duplicate', 'kill'] as const;

export type FaultPlace = (typeof faultPlaces)[number];
export type FaultKind = (typeof faultKinds)[number];

/**
 * One thing that goes wrong in the sandbox. `rate` is the chance per request or event in [0, 1] (1 when absent);
 * `status` is the HTTP status of an `error`; `forMs` is, for `delay` and `stall`, how long one request is held up, and
 * for the others how long the fault stays (sandbox time; without it, until it is deleted).
 */
export interface Fault {
  readonly where: FaultPlace;
  readonly kind: FaultKind;
  readonly rate?: number;
  readonly status?: number;
  readonly forMs?: number;
}

/** The faults in force, put and deleted through the control API and asked by every server of the sandbox. */
export class Faults {
  #inForce: readonly { fault: Fault; untilMs: number }[] = [];
  readonly #random: Random;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();

  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  put(faults: readonly Fault[]): void {
    const now = this.#now();
    this.#inForce = faults.map((fault) => ({ fault, untilMs: expiry(fault, now) }));
    for (const listener of this.#listeners) listener();
  }

  clear(): void {
    this.put([]);
  }

  list(): readonly Fault[] {
    return this.#inForce.filter(({ untilMs }) => untilMs > this.#now()).map(({ fault }) => fault);
  }

  /** The fault that strikes this request or event, if chance has it. */
  strike(where: FaultPlace, kinds: readonly FaultKind[] = faultKinds): Fault | null {
    for (const fault of this.list()) {
      if (fault.where === where && kinds.includes(fault.kind) && this.#random.next() < (fault.rate ?? 1)) return fault;
    }
    return null;
  }

  /** Called at every change: a `kill` strikes what runs now, not only what starts next. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function expiry(fault: Fault, now: number): number {
  const heldUp = fault.kind === 'delay' || fault.kind === 'stall';
  return heldUp || fault.forMs === undefined ? Number.POSITIVE_INFINITY : now + fault.forMs;
}
