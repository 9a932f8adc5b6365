import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anytimeLimits, rateLimits } from '../../../src/domain/judge/confidence.ts';
import { count } from './traffic.ts';

/** Chance of at most so many errors, added up term by term. */
function atMost(errors: number, requests: number, rate: number): number {
  let term = (1 - rate) ** requests;
  let sum = term;
  for (let one = 1; one <= errors; one += 1) {
    term *= ((requests - one + 1) / one) * (rate / (1 - rate));
    sum += term;
  }
  return sum;
}

describe('limits of a rate that was counted once', () => {
  it('are where the count would be missed once in a hundred times on either side', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 400 }), fc.integer({ min: 1, max: 399 }), (requests, wanted) => {
        // More of them only mirror these, and the sum above would underflow.
        const errors = Math.min(wanted, Math.floor(requests / 2));
        const { low, high } = rateLimits(count(requests, errors));
        expect(atMost(errors, requests, high)).toBeCloseTo(0.01, 6);
        expect(1 - atMost(errors - 1, requests, low)).toBeCloseTo(0.01, 6);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  it('are 0 without errors, and everything without requests', () => {
    expect(rateLimits(count(1_000))).toEqual({ low: 0, high: expect.closeTo(1 - 0.01 ** (1 / 1_000), 9) });
    expect(rateLimits(count(0))).toEqual({ low: 0, high: 1 });
  });
});

describe('limits that hold however often one looks', () => {
  it('hold the rate, come closer with more requests, and are wider than those of one look', () => {
    const few = anytimeLimits(count(1_000, 10), 0.01);
    const many = anytimeLimits(count(100_000, 1_000), 0.01);
    expect(few.low).toBeLessThan(many.low);
    expect(many.low).toBeLessThan(0.01);
    expect(many.high).toBeGreaterThan(0.01);
    expect(few.high).toBeGreaterThan(many.high);
    expect(few.high).toBeGreaterThan(rateLimits(count(1_000, 10)).high);
  });

  it('are missed at any moment of 300 requests at most as often as they may be (every path counted)', () => {
    const [rate, miss, last] = [0.02, 0.05, 300];
    // Chances of so many errors on the paths whose limits have held the rate until now.
    let paths = [1];
    for (let requests = 1; requests <= last; requests += 1) {
      const next = new Array<number>(requests + 1).fill(0);
      paths.forEach((chance, errors) => {
        next[errors] = (next[errors] ?? 0) + chance * (1 - rate);
        next[errors + 1] = (next[errors + 1] ?? 0) + chance * rate;
      });
      paths = next.map((chance, errors) => {
        if (chance === 0) return 0;
        const { low, high } = anytimeLimits(count(requests, errors), miss);
        return low <= rate && rate <= high ? chance : 0;
      });
    }
    const missed = 1 - paths.reduce((sum, chance) => sum + chance, 0);
    expect(missed).toBeLessThanOrEqual(miss);
    expect(missed).toBeGreaterThan(0);
  });
});
