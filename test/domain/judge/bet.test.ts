import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Edge, lnPayout, nearestOnEdge, type Rates } from '../../../src/domain/judge/bet.ts';

/** The mean of the payout over every outcome of n and m requests: an exact expectation, no sampling. */
function meanPayout(n: number, m: number, truth: Rates, rates: Rates, edge: Edge, payoutMax: number): number {
  const chances = (count: number, rate: number) => binomial(count, rate);
  const [xs, ys] = [chances(n, truth.target), chances(m, truth.source)];
  let mean = 0;
  for (let x = 0; x <= n; x += 1) {
    for (let y = 0; y <= m; y += 1) {
      const tally = { target: { requests: n, errors: x }, source: { requests: m, errors: y } };
      const payout = Math.min(payoutMax, Math.exp(lnPayout(tally, rates, edge)));
      mean += (xs[x] ?? 0) * (ys[y] ?? 0) * payout;
    }
  }
  return mean;
}

function binomial(count: number, rate: number): readonly number[] {
  let chances = [1];
  for (let one = 0; one < count; one += 1) {
    const next = new Array<number>(chances.length + 1).fill(0);
    chances.forEach((chance, errors) => {
      next[errors] = (next[errors] ?? 0) + chance * (1 - rate);
      next[errors + 1] = (next[errors + 1] ?? 0) + chance * rate;
    });
    chances = next;
  }
  return chances;
}

const standard: Edge = { ratio: 1.5, offset: 0.001 };
const strict: Edge = { ratio: 1.2, offset: 0.0002 };
const margin = (offset: number): Edge => ({ ratio: 1, offset });
const at = (source: number, { ratio, offset }: Edge) => Math.min(1, ratio * source + offset);
const sourceRates = [0, 1e-4, 0.001, 0.01, 0.1, 0.4, 0.65];
const sizes: readonly (readonly [number, number])[] = [
  [1, 9],
  [3, 27],
  [20, 20],
  [25, 1],
  [12, 0],
];

describe('a bet', () => {
  it('pays at most 1 on average wherever the target is not worse (exact enumeration)', () => {
    let most = 0;
    for (const edge of [standard, strict]) {
      for (const expected of [0.0005, 0.01, 0.3]) {
        for (const more of [0.0005, 0.05, 0.4]) {
          const rates = { source: expected, target: Math.min(0.999, at(expected, edge) + more) };
          for (const source of sourceRates) {
            for (const part of [1, 0.5, 0]) {
              const truth = { source, target: part * at(source, edge) };
              for (const [n, m] of sizes) most = Math.max(most, meanPayout(n, m, truth, rates, edge, Infinity));
            }
          }
        }
      }
    }
    expect(most).toBeLessThanOrEqual(1 + 1e-9);
    // On the edge itself nearly all of it is used: a bet that pays less everywhere would prove nothing.
    expect(most).toBeGreaterThan(0.999);
  });

  it('pays at most 1 on average wherever the target is worse than its margin (exact enumeration)', () => {
    let most = 0;
    for (const edge of [margin(0.005), margin(0.02), margin(0.2)]) {
      for (const source of sourceRates) {
        for (const more of [0, 0.01, 0.3]) {
          const truth = { source, target: Math.min(1, source + edge.offset + more) };
          if (truth.target < source + edge.offset) continue;
          for (const expected of [0.001, 0.05]) {
            const rates = { source: expected, target: expected + edge.offset / 2 };
            for (const [n, m] of sizes) most = Math.max(most, meanPayout(n, m, truth, rates, edge, 5));
          }
        }
      }
    }
    expect(most).toBeLessThanOrEqual(1 + 1e-9);
    expect(most).toBeGreaterThan(0.99);
  });

  it('loses where it could only win by luck: a payout limit never makes it pay more', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(12), fc.double({ min: 0, max: 0.6, noNaN: true }), (n, m, source) => {
        const truth = { source, target: at(source, standard) };
        const rates = { source: 0.01, target: 0.2 };
        const free = meanPayout(n, m, truth, rates, standard, Infinity);
        const limited = meanPayout(n, m, truth, rates, standard, 5);
        expect(limited).toBeLessThanOrEqual(free + 1e-12);
        expect(free).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});

describe('the nearest point of an edge', () => {
  const divergence = (p: number, q: number) => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));

  it('is nearer than its neighbours on both sides, for batches of any size', () => {
    const rate = fc.double({ min: 1e-6, max: 0.6, noNaN: true });
    const requests = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(
        requests,
        requests,
        rate,
        rate,
        fc.constantFrom(standard, strict, margin(0.01)),
        (n, m, a, b, edge) => {
          const rates = { source: b, target: a };
          const far = (y: number) => n * divergence(a, edge.ratio * y + edge.offset) + m * divergence(b, y);
          const y = nearestOnEdge(n, m, rates, edge);
          const here = far(y);
          const top = Math.min(1, (1 - edge.offset) / edge.ratio);
          for (const other of [y * 0.999, y + (top - y) * 0.001]) {
            expect(here).toBeLessThanOrEqual(far(other) + 1e-9 * (1 + Math.abs(here)));
          }
        },
      ),
      { numRuns: 2000, seed: 7 },
    );
  });
});
