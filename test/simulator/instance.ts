import type { Scheduler } from './scheduler.ts';

/** One invocation of a function: its continuations go on when the scheduler says so, late, or never. */
export class Instance {
  readonly name: string;
  /** A call of a port that began at or after it was last seen unfrozen; how long it ever stood still. */
  frozenForMs = 0;
  /** When it last read subsets whose pods a cluster would not tell. */
  uncountedAtMs = Number.NEGATIVE_INFINITY;
  /** When it last was told of an error, or only a part of what it asked for. */
  untoldAtMs = Number.NEGATIVE_INFINITY;
  isDead = false;
  isDone = false;
  /** When this invocation last read each route, the newest two. */
  readonly reads = new Map<string, readonly number[]>();
  readonly #scheduler: Scheduler;
  #frozenUntilMs = 0;
  #skewMs: number;

  constructor(scheduler: Scheduler, name: string, skewMs: number) {
    this.#scheduler = scheduler;
    this.name = name;
    this.#skewMs = skewMs;
  }

  get nowMs(): number {
    return this.#scheduler.nowMs + this.#skewMs;
  }

  stepBack(byMs: number): void {
    this.#skewMs -= byMs;
  }

  /** Its promises stay as they are for ever: nobody rejects them, nobody resumes them. */
  kill(): void {
    this.isDead = true;
  }

  freeze(forMs: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#scheduler.nowMs + forMs);
    this.frozenForMs += forMs;
  }

  noteRead(what: string): void {
    const known = this.reads.get(what) ?? [];
    this.reads.set(what, [this.#scheduler.nowMs, ...known].slice(0, 2));
  }

  noteUntold(): void {
    this.untoldAtMs = this.#scheduler.nowMs;
  }

  /** The beginning of what it may know of the world: its last reads, the one before included. */
  knowsSinceMs(): number {
    const starts = [...this.reads.values()].map((times) => times.at(-1) ?? 0);
    return starts.length === 0 ? this.#scheduler.nowMs : Math.min(...starts);
  }

  pause(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (this.isDead) return;
        if (this.#frozenUntilMs > this.#scheduler.nowMs) this.#scheduler.at(this.#frozenUntilMs, wake);
        else resolve();
      };
      this.#scheduler.after(forMs, wake);
    });
  }

  never<T>(): Promise<T> {
    return new Promise<T>(() => undefined);
  }
}
