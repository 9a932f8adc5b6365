import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observe } from '../../../src/domain/judge/observe.ts';
import { marginBefore, policyOf } from '../../../src/domain/judge/policy.ts';
import { beginStep, type JudgeState, newJudge } from '../../../src/domain/judge/state.ts';
import { verdictOf } from '../../../src/domain/judge/step-verdict.ts';
import { count, feed, standard, stepAtMs, warmedUp } from './traffic.ts';

const good = { source: count(225), target: count(25) };
const bad = { source: count(225), target: count(25, 3) };
const outage = { source: count(225, 112), target: count(25, 13) };
const from = (batches: number) => ({ fromMs: stepAtMs + batches * 5_000 });
const say = (state: JudgeState) => verdictOf(state, standard);

describe('the judge', () => {
  it('fails a target that is worse, and says which side changed', () => {
    const verdict = say(feed(warmedUp(), 12, bad, from(0)));
    expect(verdict).toMatchObject({ kind: 'fail', cause: 'worse', changed: 'target' });
    expect(verdict.worse.ln).toBeGreaterThan(verdict.worse.needed);
    expect(verdict.difference.estimate).toBeCloseTo(0.12, 9);
    expect(verdict.difference.low).toBeGreaterThan(0);
  });

  it('passes a target that is not worse only after enough requests, and says how many are missing', () => {
    const few = say(feed(warmedUp(), 4, good, from(0)));
    expect(few).toMatchObject({ kind: 'insufficient', cause: 'open' });
    const missing = few.missing ?? { requests: 0, ms: 0 };
    expect(missing.requests).toBeGreaterThan(100);
    // Five target requests a second.
    expect(missing.ms / 1_000).toBeCloseTo(missing.requests / 5, 0);
    const batches = 4 + Math.ceil(missing.requests / 25);
    // The forecast is of the best of the bets; the wealth is spread over all of them.
    expect(say(feed(warmedUp(), batches * 2, good, from(0)))).toMatchObject({
      kind: 'pass',
      cause: 'proven',
      missing: null,
    });
    expect(say(feed(warmedUp(), Math.floor(batches / 2), good, from(0))).kind).toBe('insufficient');
  });

  it('wants more evidence before more traffic gets it: half a per cent of all is 5 points at 10, 0.5 at 100', () => {
    expect([10, 25, 50, 100].map((share) => marginBefore(share, standard))).toEqual([0.05, 0.02, 0.01, 0.005]);
  });

  it('never fails on one burst, however large: four batches must agree', () => {
    const burst = { source: count(225), target: count(10_000, 10_000) };
    for (const batches of [1, 2, 3]) expect(say(feed(warmedUp(), batches, burst, from(0))).kind).not.toBe('fail');
    expect(say(feed(warmedUp(), 4, burst, from(0))).kind).toBe('fail');
  });

  it('puts short batches together, so that seconds are no more bursts than minutes', () => {
    const second = { source: count(45), target: count(5, 1) };
    const five = { source: count(225), target: count(25, 5) };
    const bySecond = feed(warmedUp(), 50, second, { ...from(0), ms: 1_000 });
    expect(bySecond.worse).toEqual(feed(warmedUp(), 10, five, from(0)).worse);
  });

  it('blames nobody for an outage of both sides, also right after it', () => {
    const during = feed(feed(warmedUp(), 10, good, from(0)), 48, outage, from(10));
    expect(say(during)).toMatchObject({ kind: 'insufficient', cause: 'common', changed: 'both' });
    for (const batches of [1, 5, 20, 60]) {
      expect(say(feed(during, batches, good, from(58))).kind).not.toBe('fail');
    }
  });

  it('does not call an outage of both sides common when the target is far worse: going back would help', () => {
    const half = { source: count(225, 23), target: count(25, 20) };
    expect(say(feed(warmedUp(), 30, half, from(0))).kind).toBe('fail');
  });

  it('sees a target above the ceiling at a source whose errors would excuse it', () => {
    const rough = { source: count(225, 40), target: count(0) };
    const usual = beginStep(feed(newJudge(), 120, rough, { fromMs: 0 }), {
      share: 10,
      nextShare: 50,
      fromMs: stepAtMs,
    });
    const over = { source: count(225, 40), target: count(25, 9) };
    const verdict = verdictOf(feed(usual, 60, over, from(0)), policyOf({ max: 0.2 }));
    expect(verdict.kind).toBe('fail');
    expect(verdict.over.ln).toBeGreaterThan(verdict.over.needed);
  });

  it('keeps evidence of failure over a step, and begins anew with evidence of health', () => {
    const doubtful = feed(warmedUp(), 5, { source: count(225), target: count(25, 1) }, from(0));
    expect(doubtful.worse.ln).toBeGreaterThan(0.5);
    const next = beginStep(doubtful, { share: 50, nextShare: 90, fromMs: 0 });
    expect(next.worse).toEqual(doubtful.worse);
    expect(next.proven.ln).toBe(0);
    expect(say(next).counted.target.requests).toBe(0);
  });

  it('does not hold an early pass against what happens later', () => {
    const passed = feed(warmedUp(), 200, good, from(0));
    expect(say(passed).kind).toBe('pass');
    const worse = { source: count(225), target: count(25, 1) };
    expect(say(feed(passed, 15, worse, from(200))).kind).not.toBe('pass');
  });

  it('leaves out what was counted before the write had settled', () => {
    const state = beginStep(warmedUp(), { share: 10, nextShare: 50, fromMs: stepAtMs + 20_000 });
    const settling = feed(state, 4, bad, from(0));
    expect(settling.step.batches).toBe(0);
    expect(settling.worse).toEqual(state.worse);
    expect(feed(settling, 1, bad, from(4)).step.counted.target).toEqual(count(25, 3));
  });

  it('finds that nothing arrives at a target with a share, which is another thing than few requests', () => {
    const none = { source: count(225), target: count(0) };
    expect(say(feed(warmedUp(), 1, none, from(0)))).toMatchObject({ kind: 'insufficient', cause: 'silent' });
    expect(say(feed(warmedUp(), 3, { source: count(20), target: count(0) }, from(0))).cause).toBe('open');
    const back = feed(feed(warmedUp(), 100, good, from(0)), 2, none, from(100));
    expect(say(back).cause).toBe('silent');
  });

  it('compares a target that has everything with what the source was like, and says so', () => {
    const alone = (errors: number) => ({ source: count(0), target: count(250, errors) });
    const passing = say(feed(warmedUp(100, 100), 30, alone(0), from(0)));
    expect(passing).toMatchObject({ kind: 'pass', isAlone: true });
    expect(say(feed(warmedUp(100, 100), 30, alone(5), from(0)))).toMatchObject({ kind: 'fail', isAlone: true });
    const blind = beginStep(newJudge(), { share: 100, nextShare: 100, fromMs: 0 });
    expect(say(feed(blind, 30, alone(5), from(0)))).toMatchObject({ kind: 'insufficient', cause: 'baseline' });
  });

  it('says nothing of a target without a share', () => {
    expect(say(warmedUp(0, 10))).toMatchObject({ kind: 'insufficient', cause: 'idle' });
  });
});

describe('what the judge remembers', () => {
  const requests = fc.nat(100_000);
  const counted = requests.chain((all) => fc.nat(all).map((errors) => count(all, errors)));
  const batches = fc.array(fc.record({ source: counted, target: counted, ms: fc.integer({ min: 1, max: 600_000 }) }), {
    minLength: 1,
    maxLength: 60,
  });

  it('is at most 2 kB of JSON, reads back as it was, and holds only numbers that can be told', () => {
    fc.assert(
      fc.property(batches, fc.constantFrom(1, 10, 50, 99, 100), (all, share) => {
        let state = warmedUp(share, 100);
        let atMs = stepAtMs;
        for (const { ms, ...both } of all) {
          atMs += ms;
          state = observe(state, { atMs, ms, ...both }, standard);
        }
        const text = JSON.stringify(state);
        expect(text.length).toBeLessThanOrEqual(2_048);
        expect(JSON.parse(text)).toEqual(state);
        const { difference, worse, proven, over } = verdictOf(state, standard);
        expect([difference.low, difference.high, worse.ln, proven.ln, over.ln].every(Number.isFinite)).toBe(true);
        expect(difference.low).toBeLessThanOrEqual(difference.high);
        const { parts } = state.worse;
        expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(1, 9);
      }),
      { numRuns: 300, seed: 11 },
    );
  });
});
