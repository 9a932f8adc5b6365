import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backendWeights } from '../../src/domain/backend-weights.ts';
import { type BackendSet, nearestPair, shareOf, smallestShare } from '../../src/domain/share.ts';

const aSet = (count: number): readonly BackendSet[] => [
  { mode: 'cluster', backends: Array.from({ length: count }, (_, index) => ({ address: `${index}`, pods: 1 })) },
];
const aPort = (source: number, target: number) => ({ source: aSet(source), target: aSet(target) });
const sum = (weight: number, [set]: readonly BackendSet[]) =>
  backendWeights(weight, set?.mode ?? 'eni', set?.backends ?? []).reduce((all, one) => all + one, 0);

describe('the weight pair nearest to a share', () => {
  it.each([
    [3, 3, 10, { source: 83, target: 11 }, 10],
    [20, 20, 25, { source: 79, target: 39 }, 25],
    [20, 20, 50, { source: 100, target: 100 }, 50],
    [10, 10, 10, { source: 99, target: 19 }, 10],
  ])('on %i + %i backends for %i per cent', (source, target, asked, weights, achieved) => {
    const planned = nearestPair(asked, [aPort(source, target)]);
    expect(planned?.weights).toEqual(weights);
    expect(planned?.achieved[0]).toBeCloseTo(achieved, 10);
  });
  it('switches a side off only where 0 or 100 is asked', () => {
    expect(nearestPair(0, [aPort(3, 3)])?.weights).toEqual({ source: 100, target: 0 });
    expect(nearestPair(100, [aPort(3, 3)])?.weights).toEqual({ source: 0, target: 100 });
    expect(nearestPair(1, [aPort(50, 50)])?.achieved[0]).toBeCloseTo(33.33, 1);
  });
  it('is none where a side has no backends', () => {
    expect(nearestPair(10, [aPort(3, 0)])).toBeNull();
  });
  it('counts the port that is farthest off', () => {
    const planned = nearestPair(10, [aPort(3, 3), aPort(3, 30)]);
    expect(planned?.missedBy).toBeCloseTo(Math.max(...(planned?.achieved ?? []).map((one) => Math.abs(one - 10))), 9);
  });
  it('comes as near as any pair of the square, on Local nodes too, and is the largest of those that do', () => {
    const localSet = fc
      .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 })
      .map((list): readonly BackendSet[] => [
        { mode: 'local', backends: list.map((pods, index) => ({ address: `${index}`, pods })) },
      ]);
    fc.assert(
      fc.property(localSet, localSet, fc.integer({ min: 1, max: 99 }), (source, target, asked) => {
        const planned = nearestPair(asked, [{ source, target }]);
        if (planned === null) throw new Error('both sides have backends');
        for (let one = 1; one <= 100; one += 1) {
          for (let other = 1; other <= 100; other += 1) {
            const missedBy = Math.abs((shareOf(sum(one, source), sum(other, target)) ?? 0) - asked);
            expect(planned.missedBy).toBeLessThanOrEqual(missedBy + 1e-9);
            if (missedBy < planned.missedBy + 1e-10) {
              expect(planned.weights.source + planned.weights.target).toBeGreaterThanOrEqual(one + other);
            }
          }
        }
      }),
      { numRuns: 5 },
    );
  });
  it('achieves what a direct count of the backend weights gives, and no pair of the square comes nearer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        (n, m, asked, otherSource, otherTarget) => {
          const planned = nearestPair(asked, [aPort(n, m)]);
          if (planned === null) throw new Error('both sides have backends');
          const counted = shareOf(sum(planned.weights.source, aSet(n)), sum(planned.weights.target, aSet(m))) ?? 0;
          const other = shareOf(sum(otherSource, aSet(n)), sum(otherTarget, aSet(m))) ?? 0;
          expect(planned.achieved[0]).toBeCloseTo(counted, 10);
          expect(planned.missedBy).toBeLessThanOrEqual(Math.abs(other - asked) + 1e-9);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the smallest share', () => {
  it.each([
    [1, 1, 0.99],
    [3, 3, 2.94],
    [20, 20, 16.7],
    [50, 50, 33.3],
    [51, 51, 50],
    [30, 2, 2.17],
  ])('on %i + %i nodes', (source, target, share) => {
    expect(smallestShare([aPort(source, target)])).toBeCloseTo(share, 1);
  });
});
