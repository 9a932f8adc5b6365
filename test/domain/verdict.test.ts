import { describe, expect, it } from 'vitest';
import type { Analysis } from '../../src/domain/spec.ts';
import {
  judge,
  miscounted,
  observedShare,
  requestRate,
  type Sample,
  unmeasured,
  withoutRepeats,
} from '../../src/domain/verdict.ts';
import { aSample } from '../fixtures/builders.ts';

const analysis: Analysis = { signals: 'push', harmBudget: 0.005, minRequests: 100, patienceMs: 0 };
const judged = (samples: readonly Sample[], share = 50) => judge({ samples, share, sinceMs: 1_000, analysis });
const at = (fromMs: number) => ({ fromMs });

describe('a verdict', () => {
  it('passes when the target fails no more than the source and its margin', () => {
    const verdict = judged([aSample('source', 1_000, 10, at(1_000)), aSample('target', 1_000, 19, at(1_000))]);
    expect(verdict).toMatchObject({ kind: 'pass', margin: 0.01 });
    expect(verdict.difference).toBeCloseTo(0.009, 9);
  });
  it('fails when the target is worse than its margin, and says by how much', () => {
    const verdict = judged([aSample('source', 1_000, 0, at(1_000)), aSample('target', 1_000, 11, at(1_000))]);
    expect(verdict.kind).toBe('fail');
    expect(verdict.reason).toContain('1.10 points of at most 1.00');
  });
  it('allows a small share more, because it harms fewer: the same errors pass at 10 per cent', () => {
    const samples = [aSample('source', 1_000, 0, at(1_000)), aSample('target', 1_000, 40, at(1_000))];
    expect(judged(samples, 10).kind).toBe('pass');
    expect(judged(samples, 50).kind).toBe('fail');
  });
  it('does not blame the target for an outage of both sides', () => {
    expect(judged([aSample('source', 500, 250, at(1_000)), aSample('target', 500, 250, at(1_000))]).kind).toBe('pass');
  });
  it('is insufficient, neither good nor bad, below the minimum of requests at the target', () => {
    const verdict = judged([aSample('source', 1_000, 0, at(1_000)), aSample('target', 99, 99, at(1_000))]);
    expect(verdict).toMatchObject({ kind: 'insufficient', reason: 'the target has 99 of 100 requests needed' });
  });
  it('looks only at samples since the step was verified and settled', () => {
    const old = aSample('target', 1_000, 1_000, at(999));
    const recent = [aSample('source', 100, 0, at(1_000)), aSample('target', 100, 0, at(1_000))];
    expect(judged([old, ...recent]).kind).toBe('pass');
  });
  it('compares with the source of the whole run where none of its traffic is left', () => {
    const verdict = judged([aSample('source', 1_000, 5, at(0)), aSample('target', 1_000, 50, at(1_000))], 100);
    expect(verdict.kind).toBe('fail');
    expect(verdict.source).toEqual({ requests: 1_000, errors: 5 });
  });
  it('is an error, not a failure, where nothing could be measured', () => {
    expect(unmeasured('Redis does not answer').kind).toBe('error');
  });
});

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
  it('of such callers are in the verdict, because their errors are errors of the side', () => {
    const target = aSample('target', 200, 0, at(1_000));
    const source = aSample('source', 200, 40, { ...at(1_000), direct: 150 });
    expect(judged([source, target]).source).toEqual({ requests: 200, errors: 40 });
  });
});
