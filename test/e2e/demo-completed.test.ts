import { beforeAll, describe, expect, it } from 'vitest';
import { allOnTarget, type Demo, demo, demoMsMax, endWeights, isVerified, told } from '../fixtures/demo.ts';

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

describe('a demo in which nothing goes wrong', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo();
  }, demoMsMax);

  it('ends completed, as expected, with exit code 0', () => {
    expect(seen.summary).toMatchObject({ isAsExpected: true, expected: 'completed', state: 'completed' });
    expect(seen.code).toBe(0);
  });

  it('verifies 10, 50 and 100 per cent at the CLB, one after the other', () => {
    const steps = [10, 50, 100].flatMap((share, index) => [isVerified(share), `step ${index + 1} passed`]);
    expect(told(seen, ...steps)).toEqual(steps);
    for (const [index, share] of [10, 50, 100].entries()) {
      const baking = seen.snapshots.filter(
        ({ view }) => view.step === index + 1 && view.state === 'progressing.baking',
      );
      expect(baking.length).toBeGreaterThan(3);
      expect(new Set(baking.map(({ view }) => view.share.asked))).toEqual(new Set([share]));
      expect(new Set(baking.map(({ view }) => view.share.achieved))).toEqual(new Set([share]));
    }
  });

  it('counts at the gateways, while it bakes at 50 per cent, what the weights promise', () => {
    const baking = seen.snapshots.filter(({ view }) => view.step === 2 && view.state === 'progressing.baking');
    const observed = baking.flatMap(({ view }) => (view.share.observed === null ? [] : [view.share.observed]));
    expect(Math.abs(median(observed) - 50)).toBeLessThan(5);
  });

  it('serves requests all the time, fails none and loses none', () => {
    expect(seen.summary.requests).toMatchObject({ failed: 0, lost: 0 });
    const served = seen.snapshots.map(
      ({ counters }) => counters.source.sinceStart.requests + counters.target.sinceStart.requests,
    );
    expect(served).toEqual([...served].sort((a, b) => a - b));
    expect(served.at(-1)).toBeGreaterThan(1000);
  });

  it('leaves all weight on the target, as the CLB itself says', () => {
    expect(endWeights(seen)).toEqual(allOnTarget);
  });

  it('says at each moment what it waits for', () => {
    const waiting = seen.snapshots
      .filter(({ view }) => view.state.startsWith('progressing'))
      .map(({ view }) => view.waitingFor);
    expect(waiting).not.toContain(null);
  });
});

describe('a demo in which the function instances are killed in the middle of every shift', () => {
  let seen: Demo;
  beforeAll(async () => {
    seen = await demo('--fault', 'crash');
  }, demoMsMax);

  it('kills in each of the three shifts, and each share is verified all the same', () => {
    const steps = [10, 50, 100].flatMap((share, index) => [`middle of shift ${index + 1}`, isVerified(share)]);
    expect(told(seen, ...steps)).toEqual(steps);
  });

  it('ends completed, with all weight on the target, no request lost and exit code 0', () => {
    expect(seen.summary).toMatchObject({
      isAsExpected: true,
      expected: 'completed',
      state: 'completed',
      recovery: null,
    });
    expect(seen.summary.requests).toMatchObject({ failed: 0, lost: 0 });
    expect(endWeights(seen)).toEqual(allOnTarget);
    expect(seen.code).toBe(0);
  });
});
