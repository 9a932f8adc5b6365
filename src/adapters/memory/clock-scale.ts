/** Time that runs `speed` times faster than the store's own from `anchorMs` on, as in a sandbox that compresses time. */
export interface ClockScale {
  readonly speed: number;
  /** Milliseconds since the epoch. */
  readonly anchorMs: number;
}

/** The scale under which a clock shows its own time. */
export const realTime: ClockScale = { speed: 1, anchorMs: 0 };

/** What a clock that shows `ms` (since the epoch) shows under the scale; whole milliseconds. */
export function scaledMs(ms: number, { speed, anchorMs }: ClockScale): number {
  return Math.floor(anchorMs + (ms - anchorMs) * speed);
}
