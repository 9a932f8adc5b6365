import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../ports/clock.ts';

/** Time made `speed` times faster from `anchorMs` (ms since the epoch) on; the sandbox gives it to its functions. */
export interface ClockScale {
  readonly speed: number;
  readonly anchorMs: number;
}

/**
 * The clock of this machine, or a scaled one whose `now` and `sleep` are both in scaled milliseconds.
 * @throws RangeError where the speed is not a positive number
 */
export function systemClock(scale?: ClockScale): Clock {
  if (scale === undefined) return { now: () => Date.now(), sleep: async (ms) => void (await wait(Math.max(0, ms))) };
  const { speed, anchorMs } = scale;
  if (!(speed > 0 && Number.isFinite(speed)))
    throw new RangeError(`the speed of the clock must be positive, not ${speed}`);
  return {
    now: () => Math.floor(anchorMs + (Date.now() - anchorMs) * speed),
    sleep: async (ms) => void (await wait(Math.max(0, ms / speed))),
  };
}
