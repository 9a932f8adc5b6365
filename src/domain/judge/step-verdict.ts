import type { Side } from '../spec.ts';
import type { Count, VerdictKind } from '../verdict.ts';
import { lnPayout, type Rates } from './bet.ts';
import { anytimeLimits } from './confidence.ts';
import { burstiness, swayVariance } from './noise.ts';
import { isSourceInTrouble, troubleFrom } from './observe.ts';
import { type JudgePolicy, marginBefore } from './policy.ts';
import { rateOf } from './source-rate.ts';
import type { Both, JudgeState, StepEvidence } from './state.ts';

/** Why a verdict is what it is. */
export type Cause =
  /** fail: the target is worse than the source allows, or above the ceiling. */
  | 'worse'
  | 'ceiling'
  /** pass */
  | 'proven'
  /**
   * insufficient: both sides fail together; nothing arrives at the target although it has a share; too few requests, or
   * too much noise, so far.
   */
  | 'common'
  | 'silent'
  | 'open'
  /** insufficient: no share, or no control traffic and nothing to compare with. */
  | 'idle'
  | 'baseline';

/** Estimated error rate of the target less that of the source, with limits that hold however often one looks (95 per cent). */
export interface Difference {
  readonly estimate: number | null;
  readonly low: number;
  readonly high: number;
}

/** Evidence and what it must reach, as natural logarithms. */
export interface Evidence {
  readonly ln: number;
  readonly needed: number;
}

export interface StepVerdict {
  readonly kind: Exclude<VerdictKind, 'error'>;
  readonly cause: Cause;
  /** What was judged in this step. */
  readonly counted: Both;
  readonly difference: Difference;
  /** How much worse the target may be before the share rises. */
  readonly margin: number;
  readonly worse: Evidence;
  readonly over: Evidence;
  readonly proven: Evidence;
  /** Target requests and time until `pass` at the present rates; null where they do not lead there. */
  readonly missing: { readonly requests: number; readonly ms: number } | null;
  /** Which side differs from what the source was before the step; null where nothing is known of that. */
  readonly changed: 'none' | 'source' | 'target' | 'both' | null;
  /**
   * Standard deviation of the source's error rate beyond chance, as a fraction of the rate: from batch to batch, and
   * from minute to minute.
   */
  readonly noise: { readonly batch: number; readonly minute: number };
  /** No control traffic: compared with what the source was like before. */
  readonly isAlone: boolean;
}

/** A target that was due so many requests and got none would be so by chance once in 5 * 10^8 times. */
const silentFrom = 20;
/** Both limits together are missed five times in a hundred. */
const limitMiss = 0.025;

/** What the judge says now; it may be asked at any moment, as often as one likes. */
export function verdictOf(state: JudgeState, policy: JudgePolicy): StepVerdict {
  const { step } = state;
  const { kind, cause } = decide(state, policy);
  const failing = Math.log(1 / policy.falseAlarm);
  const proven = { ln: state.proven.ln, needed: Math.log(1 / policy.falsePass) };
  const margin = marginBefore(step.nextShare, policy);
  return {
    kind,
    cause,
    counted: step.counted,
    difference: differenceOf(state),
    margin,
    worse: { ln: state.worse.ln, needed: failing },
    over: { ln: state.over.ln, needed: failing },
    proven,
    missing: cause === 'open' ? missingFor(state, proven, margin) : null,
    changed: changedSide(state),
    noise: { batch: Math.sqrt(burstiness(state.bursts)), minute: Math.sqrt(swayVariance(state.sway)) },
    isAlone: step.share >= 100,
  };
}

/** The verdict without the numbers behind it, which cost more than all the rest. */
export function decide(state: JudgeState, policy: JudgePolicy): Pick<StepVerdict, 'kind' | 'cause'> {
  const { step, worse, over, proven } = state;
  const open = (cause: Cause) => ({ kind: 'insufficient', cause }) as const;
  if (step.share <= 0) return open('idle');
  const needed = Math.log(1 / policy.falseAlarm);
  if (isCommon(state)) return open('common');
  if (worse.ln >= needed) return { kind: 'fail', cause: 'worse' };
  if (over.ln >= needed) return { kind: 'fail', cause: 'ceiling' };
  if (step.dueAtTarget >= silentFrom) return open('silent');
  if (step.share >= 100 && state.normal.requests === 0) return open('baseline');
  return proven.ln >= Math.log(1 / policy.falsePass) ? { kind: 'pass', cause: 'proven' } : open('open');
}

/** Both sides are in trouble, and going back to the source would not halve it. */
function isCommon(state: JudgeState): boolean {
  if (state.step.share >= 100 || !isSourceInTrouble(state)) return false;
  const [source, target] = [rateOf(state.sourceFast), rateOf(state.targetFast)];
  return target > troubleFrom(state) && source > target / 2;
}

function differenceOf({ step, normal, normalLimits }: JudgeState): Difference {
  const target = anytimeLimits(worthOf(step, 'target'), limitMiss);
  const isAlone = step.share >= 100;
  const source = isAlone ? normalLimits : anytimeLimits(worthOf(step, 'source'), limitMiss);
  const sourceRate = rate(isAlone ? normal : step.counted.source);
  const targetRate = rate(step.counted.target);
  const estimate = sourceRate === null || targetRate === null ? null : targetRate - sourceRate;
  return { estimate, low: target.low - source.high, high: target.high - source.low };
}

/** The counted rate with the weight that noise leaves to it. */
function worthOf({ counted, worth }: StepEvidence, side: Side): Count {
  const { requests, errors } = counted[side];
  return { requests: worth[side], errors: requests === 0 ? 0 : (errors / requests) * worth[side] };
}

function rate({ requests, errors }: Count): number | null {
  return requests === 0 ? null : errors / requests;
}

/** More than three standard deviations from normal, the uncertainty of what is normal included. */
function changedSide({ step, normal }: JudgeState): StepVerdict['changed'] {
  const isChanged = ({ requests, errors }: Count): boolean => {
    const usual = (normal.errors + 0.5) / (normal.requests + 1);
    const variance = usual * (1 - usual) * requests * (1 + requests / normal.requests) + 1;
    return Math.abs(errors - requests * usual) > 3 * Math.sqrt(variance);
  };
  if (normal.requests === 0) return null;
  const [source, target] = [isChanged(worthOf(step, 'source')), isChanged(worthOf(step, 'target'))];
  if (source && target) return 'both';
  return source ? 'source' : target ? 'target' : 'none';
}

/** What the best bet on health would win in an average batch, and so how many more are needed. */
function missingFor({ step }: JudgeState, proven: Evidence, margin: number): StepVerdict['missing'] {
  const [source, target] = [worthOf(step, 'source'), worthOf(step, 'target')];
  if (step.batches === 0 || step.share >= 100 || target.requests === 0 || source.requests === 0) return null;
  const sourceRate = source.errors / source.requests;
  const rates: Rates = { source: sourceRate + 1e-4, target: target.errors / target.requests + 1e-4 };
  if (rates.target >= rates.source + margin) return null;
  const lnAll = lnPayout({ source, target }, rates, { ratio: 1, offset: margin });
  const part = Math.max(0, proven.needed - proven.ln) / lnAll;
  if (!(part >= 0 && part < 1e6)) return null;
  return { requests: Math.ceil(part * step.counted.target.requests), ms: Math.ceil(part * step.ms) };
}
