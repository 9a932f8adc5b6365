import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/system-clock.ts';

describe('the clock of this machine', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 }));
  afterEach(() => void vi.useRealTimers());

  it('tells the time of the machine', () => {
    expect(systemClock().now()).toBe(1_000_000);
  });

  it('made faster counts from its anchor', () => {
    const clock = systemClock({ speed: 20, anchorMs: 1_000_000 });
    expect(clock.now()).toBe(1_000_000);
    vi.setSystemTime(1_003_000);
    expect(clock.now()).toBe(1_060_000);
  });

  it('waits, also for no time at all, and 100 seconds are over at once at the speed of 100,000', async () => {
    await systemClock().sleep(0);
    await systemClock().sleep(-5);
    await systemClock({ speed: 100_000, anchorMs: 1_000_000 }).sleep(100_000);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('does not run at the speed %d', (speed) => {
    expect(() => systemClock({ speed, anchorMs: 0 })).toThrow(RangeError);
  });
});
