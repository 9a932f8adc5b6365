import { bounded, type Edge, lnPayout, lnPayoutAgainst, type Rates, type Tally } from './bet.ts';
import { burstiness, swayFactor, withBatch, withMinute, withoutMinute, worth } from './noise.ts';
import { type JudgePolicy, marginBefore } from './policy.ts';
import { fade, halfLives, rateOf } from './source-rate.ts';
import { type Batch, excesses, type JudgeState, noBatch, noCount, overMax, plus, type StepEvidence } from './state.ts';
import { settle } from './wealth.ts';

/** Shorter batches are put together: the limit of a payout is one of so much time. */
const batchMs = 5_000;
/** Evidence of health beyond this many times what is needed is forgotten, so that a step which turns bad is seen to. */
const provenMax = 20;

/**
 * The judge after one more batch. Batches come in the order of time, those of all instances of a side added up. What
 * lies before the step's `fromMs`, or has no share to go with, teaches only what the source is like.
 */
export function observe(state: JudgeState, batch: Batch, policy: JudgePolicy): JudgeState {
  const isJudged = state.step.share > 0 && batch.atMs - batch.ms >= state.step.fromMs;
  const target = isJudged ? batch.target : noCount;
  const { pending } = state;
  const gathered = {
    ms: pending.ms + batch.ms,
    source: plus(pending.source, batch.source),
    target: plus(pending.target, target),
  };
  return gathered.ms >= batchMs
    ? absorb({ ...state, pending: noBatch }, gathered, isJudged, policy)
    : { ...state, pending: gathered };
}

type Gathered = JudgeState['pending'];

function absorb(state: JudgeState, batch: Gathered, isJudged: boolean, policy: JudgePolicy): JudgeState {
  const judged = isJudged ? judgeBatch(state, batch, policy) : state;
  const { source, target, ms } = batch;
  const before = rateOf(state.sourceFast);
  const sourceFast = fade(state.sourceFast, ms, halfLives.fast, source);
  // What the source does before the first step is its normal, whatever it is.
  const inTrouble = state.step.share > 0 && isSourceInTrouble({ ...state, sourceFast });
  return {
    ...judged,
    sourceFast,
    sourceSlow: fade(state.sourceSlow, ms, halfLives.slow, source),
    targetFast: fade(state.targetFast, ms, halfLives.fast, target),
    bursts: withBatch(state.bursts, source, before, ms / batchMs),
    sway: inTrouble ? withoutMinute(state.sway) : withMinute(state.sway, ms, source),
    calm: inTrouble ? state.calm : plus(state.calm, source),
  };
}

/** Above one and a half times what is normal and 5 points more, a side is in trouble of its own. */
export function troubleFrom(state: JudgeState): number {
  const { requests, errors } = state.calm;
  return ((errors + 0.1) / (requests + 50)) * 1.5 + 0.05;
}

export function isSourceInTrouble(state: JudgeState): boolean {
  return rateOf(state.sourceFast) > troubleFrom(state);
}

function judgeBatch(state: JudgeState, batch: Gathered, policy: JudgePolicy): JudgeState {
  const { step } = state;
  const payoutMax = payoutLimit(batch.ms);
  const burst = burstiness(state.bursts);
  const expected = rateOf(state.sourceFast);
  const isAlone = step.share >= 100;
  const source = isAlone ? noCount : worth(batch.source, expected, burst);
  const tally: Tally = { source, target: worth(batch.target, expected, burst) };
  const rates = [expected, rateOf(state.sourceSlow)] as const;
  const bets = isAlone ? betsAlone(state, tally, policy) : betsSideBySide(state, tally, rates, policy);
  const provenLimit = Math.log(provenMax / policy.falsePass);
  return {
    ...state,
    step: withCounts(step, batch, tally),
    worse: settle(state.worse, bets.worse, payoutMax),
    over: settle(state.over, betsOnCeiling(tally, expected, isAlone, policy), payoutMax),
    proven: settle(state.proven, bets.proven, payoutMax, provenLimit),
  };
}

interface Bets {
  readonly worse: readonly number[];
  readonly proven: readonly number[];
}

function betsSideBySide(state: JudgeState, tally: Tally, estimates: readonly number[], policy: JudgePolicy): Bets {
  const worseEdge = { ratio: policy.ratio * swayFactor(state.sway, policy.sway), offset: policy.offset };
  const margin = marginBefore(state.step.nextShare, policy);
  const provenEdge = { ratio: 1, offset: margin };
  return {
    worse: estimates.flatMap((source) => {
      const at = worseEdge.ratio * source + worseEdge.offset;
      return excesses.map((more) => payout(tally, { source, target: bounded(at + more) }, worseEdge, 1));
    }),
    proven: estimates.flatMap((source) =>
      [0, margin / 2].map((more) => payout(tally, { source, target: bounded(source + more) }, provenEdge, -1)),
    ),
  };
}

/**
 * That the target is above the ceiling, and worse than the source as well: a bet pays the less of the two, so that it is
 * fair wherever either is not so. An outage of both sides above the ceiling is not the target's.
 */
function betsOnCeiling(tally: Tally, source: number, isAlone: boolean, { max }: JudgePolicy): readonly number[] {
  return overMax.map((more) => {
    const target = bounded(max + more);
    const isOver = lnAbove(tally.target, target, max);
    return isAlone ? isOver : Math.min(isOver, payout(tally, { source, target }, evenEdge, 1));
  });
}

const evenEdge: Edge = { ratio: 1, offset: 0 };

/** No bet where the expected rates are not outside of the hypothesis: that gave false alarms in a whole outage (reference 2.3). */
function payout(tally: Tally, rates: Rates, edge: Edge, side: 1 | -1): number {
  const isOutside = side * (rates.target - (edge.ratio * rates.source + edge.offset)) > 0;
  return isOutside ? lnPayout(tally, rates, edge) : 0;
}

/** Without control traffic the target is compared with the limits of what the source was like before (reference 2.3). */
function betsAlone(state: JudgeState, { target }: Tally, policy: JudgePolicy): Bets {
  const { low, high } = state.normalLimits;
  const usual = rateOf([state.normal.requests, state.normal.errors]);
  const margin = marginBefore(100, policy);
  const [worst, best] = [bounded(policy.ratio * high + policy.offset), bounded(low + margin)];
  const worse = excesses.map((more) => lnAbove(target, bounded(worst + more), worst));
  const proven = [usual, low + margin / 2].map((rate) => lnAbove(target, bounded(rate), best, -1));
  return { worse: [...worse, ...worse], proven: [...proven, ...proven] };
}

function lnAbove(target: Tally['target'], expected: number, limit: number, side: 1 | -1 = 1): number {
  return side * (expected - limit) > 0 ? lnPayoutAgainst(target, expected, limit) : 0;
}

/** What one batch may pay: 5 in 5 seconds, so that at least four must agree; longer batches are fewer, and may pay up to 20. */
function payoutLimit(ms: number): number {
  return Math.min(20, Math.max(5, 5 + (15 * (ms - batchMs)) / 10_000));
}

function withCounts(step: StepEvidence, batch: Gathered, tally: Tally): StepEvidence {
  const due = step.share >= 100 ? 0 : (batch.source.requests * step.share) / (100 - step.share);
  return {
    ...step,
    counted: { source: plus(step.counted.source, batch.source), target: plus(step.counted.target, batch.target) },
    worth: {
      source: step.worth.source + tally.source.requests,
      target: step.worth.target + tally.target.requests,
    },
    batches: step.batches + 1,
    ms: step.ms + batch.ms,
    dueAtTarget: batch.target.requests > 0 ? 0 : step.dueAtTarget + due,
  };
}
