import { describe, expect, it } from 'vitest';
import { miscounted, observedShare, requestRate, withoutRepeats } from '../../src/domain/verdict.ts';
import { aSample } from '../fixtures/builders.ts';

const at = (fromMs: number) => ({ fromMs });

describe('samples', () => {
  it('that come twice count once, the larger one', () => {
    const once = withoutRepeats([
      aSample('target', 10, 1),
      aSample('target', 12, 1),
      aSample('target', 5, 0, at(5_000)),
    ]);
    expect(once.map(({ requests }) => requests)).toEqual([12, 5]);
  });
  it('tell the observed share, or nothing where nobody counted', () => {
    expect(observedShare([aSample('source', 300, 0), aSample('target', 100, 0)], 0)).toBe(25);
    expect(observedShare([], 0)).toBeNull();
  });
  it('of callers who come past the load balancer are in no share and no rate, because no weight divides them', () => {
    const samples = [aSample('source', 400, 0, { direct: 300 }), aSample('target', 100, 0)];
    expect(observedShare(samples, 0)).toBe(50);
    expect(miscounted(samples, { share: 50, sinceMs: 0, tolerance: 2 })).toBeNull();
    expect(requestRate(samples)).toBe(40);
    expect(observedShare([aSample('source', 300, 0, { direct: 300 })], 0)).toBeNull();
  });
});
