import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';

export interface WorkQueueOptions {
  readonly workers: number;
  readonly clock: SandboxClock;
  /** Wait before the n-th retry of one key, n from 1, in ms of sandbox time. */
  readonly backoffMs: (failures: number) => number;
  /** Does the work for a key; a rejection is a failure, and the key comes back after its backoff. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  readonly log: (line: string) => void;
}

/** A controller's work queue: one key is worked on by one worker at a time, and what comes meanwhile makes one more run. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #retries = new Map<string, AbortController>();
  readonly #failures = new Map<string, number>();
  readonly #sleeps = new Set<Promise<void>>();
  readonly #ends = new Set<() => void>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** The key runs as soon as a worker is free, even if it waits for a retry. */
  add(key: string): void {
    if (this.isStopped) return;
    this.#retries.get(key)?.abort();
    this.#retries.delete(key);
    this.#waiting.add(key);
    this.#start();
  }

  /** Nothing runs, waits for a worker, or waits for a retry. */
  isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#running.size === 0 && this.#retries.size === 0;
  }

  /** Resolves at the next end of a run. @throws when the queue is or gets stopped */
  async nextEnd(): Promise<void> {
    if (!this.isStopped) await new Promise<void>((resolve) => void this.#ends.add(resolve));
    if (this.isStopped) throw new Error('the controller was stopped');
  }

  /** Resolves when the runs under way have ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled([...this.#running.values(), ...this.#sleeps]);
    this.#tellEnds();
  }

  #start(): void {
    for (const key of this.#waiting) {
      if (this.isStopped || this.#running.size >= this.#options.workers) return;
      // A key that runs stays in `waiting`: its next run begins when this one has ended.
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    // Lets `running` hold this run before it can end.
    await Promise.resolve();
    try {
      await this.#options.work(key, this.#stopping.signal);
      this.#failures.delete(key);
    } catch (cause) {
      if (!this.isStopped) this.#retryLater(key, cause);
    }
    this.#running.delete(key);
    this.#tellEnds();
    this.#start();
  }

  #retryLater(key: string, cause: unknown): void {
    const { backoffMs, clock, log } = this.#options;
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    const waitMs = backoffMs(count);
    log(`${key}: ${cause instanceof Error ? cause.message : String(cause)}; again in ${waitMs / 1000} s`);
    const retry = new AbortController();
    this.#retries.set(key, retry);
    const slept = clock.sleep(waitMs, AbortSignal.any([retry.signal, this.#stopping.signal])).then(() => {
      this.#sleeps.delete(slept);
      if (!retry.signal.aborted) this.add(key);
    });
    this.#sleeps.add(slept);
  }

  #tellEnds(): void {
    for (const end of this.#ends) end();
    this.#ends.clear();
  }
}

/** 5 s, doubled with each failure of the same key, up to 300 s (reference A8). */
export function controllerBackoffMs(failures: number): number {
  return Math.min(300_000, 5_000 * 2 ** Math.min(failures - 1, 10));
}

/**
 * How long a controller does nothing because of a `stall` or `delay`: its forMs of sandbox time, or as long as the
 * fault is in force.
 */
export async function heldUp(
  faults: Faults,
  where: 'controller' | 'mesh',
  clock: SandboxClock,
  signal: AbortSignal,
): Promise<void> {
  const fault = faults.strike(where, ['stall', 'delay']);
  if (fault === null) return;
  if (fault.forMs !== undefined) return clock.sleep(fault.forMs, signal);
  await new Promise<void>((resolve) => {
    const check = (): void => {
      if (!signal.aborted && faults.list().includes(fault)) return;
      forget();
      signal.removeEventListener('abort', check);
      resolve();
    };
    const forget = faults.onChange(check);
    signal.addEventListener('abort', check);
    check();
  });
}
