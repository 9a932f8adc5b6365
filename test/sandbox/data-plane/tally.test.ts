import { describe, expect, it } from 'vitest';
import { countAnswer, countsOf, difference, emptyTally } from '../../../src/sandbox/data-plane/tally.ts';
import { TallyWindow } from '../../../src/sandbox/data-plane/tally-window.ts';

describe('a tally', () => {
  it('tells mean and 99th percentile of the latencies', () => {
    const tally = emptyTally();
    for (let n = 0; n < 98; n += 1) countAnswer(tally, false, 4);
    for (let n = 0; n < 2; n += 1) countAnswer(tally, true, 400);
    const { requests, errors, latencyMs } = countsOf(tally);
    expect([requests, errors, latencyMs.mean]).toEqual([100, 2, 11.92]);
    expect(latencyMs.p99).toBeGreaterThan(250);
    expect(latencyMs.p99).toBeLessThanOrEqual(500);
  });

  it('tells zeros, not NaN, where nothing was counted', () => {
    expect(countsOf(emptyTally())).toEqual({ requests: 0, errors: 0, latencyMs: { mean: 0, p99: 0 } });
  });

  it('has a last bucket for what is slower than all bounds', () => {
    const tally = emptyTally();
    countAnswer(tally, false, 1e9);
    expect(countsOf(tally).latencyMs.p99).toBe(60_000);
  });
});

describe('a window', () => {
  const one = (window: TallyWindow, now: number) => window.count(now, (tally) => countAnswer(tally, false, 1));

  it('forgets after 10 seconds what the tally since the start keeps', () => {
    const window = new TallyWindow(0);
    one(window, 0);
    one(window, 5000);
    expect(window.last10s(9_900).requests).toBe(2);
    expect(window.last10s(10_000).requests).toBe(1);
    expect(window.last10s(1_000_000).requests).toBe(0);
    expect(window.sinceStart.requests).toBe(2);
  });

  it('counts differences of two readings', () => {
    const window = new TallyWindow(0);
    const before = emptyTally();
    const after = emptyTally();
    countAnswer(after, true, 10);
    window.add(0, difference(after, before));
    expect(countsOf(window.last10s(0))).toMatchObject({ requests: 1, errors: 1, latencyMs: { mean: 10 } });
  });

  it('takes a moment that is not newer into the newest slot', () => {
    const window = new TallyWindow(1000);
    one(window, 500);
    expect(window.last10s(1000).requests).toBe(1);
  });
});
