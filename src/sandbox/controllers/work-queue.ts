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
export interface WorkQueue {
  /** The key runs as soon as a worker is free, even if it waits for a retry. */
  add(key: string): void;
  /** Nothing runs, waits for a worker, or waits for a retry. */
  isEmpty(): boolean;
  /** Resolves at the next end of a run. @throws when the queue is or gets stopped */
  nextEnd(): Promise<void>;
  readonly isStopped: boolean;
  stop(): Promise<void>;
}

/** 5 s, doubled with each failure of the same key, up to 300 s (reference A8). */
export function controllerBackoffMs(failures: number): number {
  return Math.min(300_000, 5_000 * 2 ** Math.min(failures - 1, 10));
}

export function workQueue(options: WorkQueueOptions): WorkQueue {
  const stopping = new AbortController();
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const retries = new Map<string, AbortController>();
  const failures = new Map<string, number>();
  const ends = new Set<() => void>();
  const sleeps = new Set<Promise<void>>();

  const start = (): void => {
    for (const key of waiting) {
      if (stopping.signal.aborted || running.size >= options.workers) return;
      // A key that runs stays in `waiting`: its next run begins when this one has ended.
      if (running.has(key)) continue;
      waiting.delete(key);
      running.set(key, run(key));
    }
  };

  const run = async (key: string): Promise<void> => {
    // Lets `running` hold this run before it can end.
    await Promise.resolve();
    try {
      await options.work(key, stopping.signal);
      failures.delete(key);
    } catch (cause) {
      if (!stopping.signal.aborted) retryLater(key, cause);
    }
    running.delete(key);
    for (const end of ends) end();
    ends.clear();
    start();
  };

  const retryLater = (key: string, cause: unknown): void => {
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    const waitMs = options.backoffMs(count);
    options.log(`${key}: ${cause instanceof Error ? cause.message : String(cause)}; again in ${waitMs / 1000} s`);
    const retry = new AbortController();
    retries.get(key)?.abort();
    retries.set(key, retry);
    const slept = options.clock.sleep(waitMs, AbortSignal.any([retry.signal, stopping.signal])).then(() => {
      sleeps.delete(slept);
      if (retries.get(key) !== retry || retry.signal.aborted) return;
      add(key);
    });
    sleeps.add(slept);
  };

  const add = (key: string): void => {
    if (stopping.signal.aborted) return;
    retries.get(key)?.abort();
    retries.delete(key);
    waiting.add(key);
    start();
  };

  return {
    add,
    isEmpty: () => waiting.size === 0 && running.size === 0 && retries.size === 0,
    nextEnd: async () => {
      if (!stopping.signal.aborted) await new Promise<void>((resolve) => void ends.add(resolve));
      if (stopping.signal.aborted) throw new Error('the controller was stopped');
    },
    get isStopped() {
      return stopping.signal.aborted;
    },
    stop: async () => {
      stopping.abort();
      await Promise.allSettled([...running.values(), ...sleeps]);
      for (const end of ends) end();
    },
  };
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
