import { setTimeout as wait } from 'node:timers/promises';

/**
 * The sandbox's clock: wall time made `speed` times faster from `anchorMs` on. Every part of the sandbox, and every
 * function process it starts, reads this one, so a compressed migration is the same migration.
 */
export interface SandboxClock {
  readonly speed: number;
  readonly anchorMs: number;
  /** Milliseconds since the epoch, in sandbox time. */
  now(): number;
  /** Resolves after `ms` of sandbox time, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export function sandboxClock(speed: number, anchorMs = Date.now()): SandboxClock {
  return {
    speed,
    anchorMs,
    now: () => Math.floor(anchorMs + (Date.now() - anchorMs) * speed),
    sleep: async (ms, signal) => {
      await wait(Math.max(0, ms / speed), undefined, signal ? { signal } : {}).catch(() => undefined);
    },
  };
}
