import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nextSplitMove,
  type SplitOptions,
  shareOfSplit,
  splitAt,
  splitDifferences,
  splitToday,
} from '../../src/domain/split.ts';
import { aSplitObservation, aSubsetRoute } from '../fixtures/builders.ts';

const route = aSubsetRoute();
const options: SplitOptions = {
  sourcePodsAtBaseline: null,
  isPatienceOver: false,
  isForced: false,
  needsCount: true,
};

describe("today's split of a host", () => {
  it('is equal over the subsets where nobody wrote any weights', () => {
    expect(splitToday(aSplitObservation())).toEqual({ v1: 34, v2: 33, v3: 33 });
  });

  it('leaves out a subset without a ready pod, because the mesh sends it nothing', () => {
    expect(splitToday(aSplitObservation({ pods: { v2: 0 } }))).toEqual({ v1: 50, v2: 0, v3: 50 });
  });

  it('is as it is written, whoever has pods', () => {
    expect(splitToday(aSplitObservation({ split: { v1: 90, v3: 10 }, pods: { v1: 0 } }))).toEqual({ v1: 90, v3: 10 });
  });

  it('is equal where a route names the host and no subset of it', () => {
    expect(splitToday(aSplitObservation({ split: null }))).toEqual({ v1: 34, v2: 33, v3: 33 });
  });

  it('cannot be told where no subset has a ready pod', () => {
    expect(splitToday(aSplitObservation({ pods: { v1: 0, v2: 0, v3: 0 } }))).toBeNull();
  });
});

describe('the split at a share', () => {
  it('takes from all subsets that the traffic comes from, in their proportion', () => {
    expect(splitAt({ v1: 60, v2: 40, v3: 0 }, route, 50)).toEqual({ v1: 30, v2: 20, v3: 50 });
  });

  it('leaves what other subsets of the host get as it is', () => {
    expect(splitAt({ v1: 40, v2: 40, v3: 0, v4: 20 }, route, 50)).toEqual({ v1: 20, v2: 20, v3: 40, v4: 20 });
  });

  it('gives the traffic back equally where the subsets it comes from had none', () => {
    expect(splitAt({ v1: 0, v2: 0, v3: 100 }, route, 0)).toEqual({ v1: 50, v2: 50, v3: 0 });
  });

  it('keeps the sum, is whole, and gives the share within half a weight', () => {
    const weight = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(weight, weight, weight, fc.integer({ min: 0, max: 100 }), (v1, v2, v3, share) => {
        fc.pre(v1 + v2 + v3 > 0);
        const split = splitAt({ v1, v2, v3 }, route, share);
        const weights = Object.values(split);
        expect(weights.reduce((sum, one) => sum + one, 0)).toBe(v1 + v2 + v3);
        expect(weights.every((one) => Number.isInteger(one) && one >= 0)).toBe(true);
        const achieved = shareOfSplit(split, route) ?? Number.NaN;
        expect(Math.abs(achieved - share)).toBeLessThanOrEqual(50 / (v1 + v2 + v3) + 1e-9);
      }),
    );
  });
});

describe('what differs from a split', () => {
  it('is nothing where every subset has its weight', () => {
    expect(splitDifferences(aSplitObservation({ split: { v1: 50, v2: 0, v3: 50 } }), { v1: 50, v3: 50 })).toEqual([]);
  });

  it('names the subset, both weights and who wrote last', () => {
    const observation = aSplitObservation({ split: { v1: 70, v3: 30 }, writtenBy: 'kubectl-edit' });
    expect(splitDifferences(observation, { v1: 50, v3: 50 })).toEqual([
      'subset v1 of reviews has weight 70, not 50, last written by kubectl-edit',
      'subset v3 of reviews has weight 30, not 50, last written by kubectl-edit',
    ]);
  });

  it('says where the object is gone, or no longer leads to the host', () => {
    expect(splitDifferences(aSplitObservation(), { v1: 100 })).toEqual([
      'VirtualService asm/default/reviews does not exist',
    ]);
    expect(splitDifferences(aSplitObservation({ problem: 'no http route leads to reviews' }), { v1: 100 })).toEqual([
      'VirtualService asm/default/reviews: no http route leads to reviews',
    ]);
  });
});

describe('the next move of a split', () => {
  const goal = { v1: 50, v2: 0, v3: 50 };

  it('is one write of all weights', () => {
    const observation = aSplitObservation({ split: { v1: 100, v2: 0, v3: 0 } });
    expect(nextSplitMove(observation, goal, options)).toEqual({ kind: 'write', split: goal });
  });

  it('never raises a subset without a ready pod', () => {
    const observation = aSplitObservation({ split: { v1: 100, v2: 0, v3: 0 }, pods: { v3: 0 } });
    expect(nextSplitMove(observation, goal, options)).toEqual({
      kind: 'blocked',
      reason: 'subset v3 of reviews has no ready pod and cannot get requests',
    });
    expect(nextSplitMove(observation, goal, { ...options, isForced: true }).kind).toBe('write');
  });

  it('does not rely on pods that cannot be counted when it goes forward, and does not wait for them on the way back', () => {
    const observation = aSplitObservation({ split: { v1: 100, v2: 0, v3: 0 }, pods: { v3: null } });
    expect(nextSplitMove(observation, goal, options).kind).toBe('blocked');
    expect(nextSplitMove(observation, goal, { ...options, needsCount: false }).kind).toBe('write');
  });

  it('gives a shrunken source half of the requests back first, and the rest when it has grown', () => {
    const before = { ...options, sourcePodsAtBaseline: 4 };
    const all = { v1: 50, v2: 50, v3: 0 };
    const shrunken = aSplitObservation({ split: { v1: 5, v2: 5, v3: 90 } });
    expect(nextSplitMove(shrunken, all, before)).toEqual({
      kind: 'write',
      split: { v1: 25, v2: 25, v3: 50 },
    });
    const halfway = { v1: 25, v2: 25, v3: 50 };
    expect(nextSplitMove(aSplitObservation({ split: halfway }), all, before)).toEqual({
      kind: 'blocked',
      reason: 'v1, v2 of reviews have 2 ready pods of 4 and could be flooded: waiting for them to grow',
    });
    const grown = aSplitObservation({ split: halfway, pods: { v1: 2, v2: 2 } });
    expect(nextSplitMove(grown, all, before)).toMatchObject({ kind: 'write', split: all });
    expect(
      nextSplitMove(aSplitObservation({ split: halfway }), all, { ...before, isPatienceOver: true }),
    ).toMatchObject({
      kind: 'write',
      split: all,
    });
  });
});
