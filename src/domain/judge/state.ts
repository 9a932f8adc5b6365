import type { Side } from '../spec.ts';
import type { Count } from '../verdict.ts';
import { type Limits, rateLimits } from './confidence.ts';
import { type Bursts, noBursts, noSway, type Sway } from './noise.ts';
import { type Fading, noRequests } from './source-rate.ts';
import { newWealth, type Wealth } from './wealth.ts';

/** Requests and errors of both sides in one interval that ends at `atMs`. */
export interface Batch {
  readonly atMs: number;
  readonly ms: number;
  readonly source: Count;
  readonly target: Count;
}

export interface Both {
  readonly source: Count;
  readonly target: Count;
}

/** What one step has shown so far. */
export interface StepEvidence {
  readonly share: number;
  /** The share that a pass lets it rise to. */
  readonly nextShare: number;
  /** Samples from before are not judged. */
  readonly fromMs: number;
  /** Judged requests as they were counted, and how many of each side they are worth. */
  readonly counted: Both;
  readonly worth: Readonly<Record<Side, number>>;
  readonly batches: number;
  readonly ms: number;
  /** Target requests that were due by the share since the last one came. */
  readonly dueAtTarget: number;
}

/** All that the judge of a migration remembers; JSON, at most 2 kB (reference judge.md 2.3). */
export interface JudgeState {
  readonly version: 1;
  readonly step: StepEvidence;
  readonly pending: Omit<Batch, 'atMs'>;
  /** Error rates: of the source fast and slow, of the target fast. */
  readonly sourceFast: Fading;
  readonly sourceSlow: Fading;
  readonly targetFast: Fading;
  readonly bursts: Bursts;
  readonly sway: Sway;
  readonly worse: Wealth;
  readonly over: Wealth;
  readonly proven: Wealth;
  /** The source while it was not in trouble: until now, and until the step began. */
  readonly calm: Count;
  readonly normal: Count;
  /** What the target is compared with once the source has no traffic left. */
  readonly normalLimits: Limits;
}

export const noCount: Count = { requests: 0, errors: 0 };
export const noBatch: JudgeState['pending'] = { ms: 0, source: noCount, target: noCount };

/** Rates that the bets expect of the target: so much above the edge (FAIL), or above the ceiling, as fractions. */
export const excesses = [0.0005, 0.002, 0.01, 0.05, 0.2, 0.6] as const;
export const overMax = [0.02, 0.1, 0.3] as const;
/** Each bet is made for both estimates of the source's rate. */
const estimates = 2;

/** A judge that has seen nothing; feed it minutes of the source before the first write, its estimates need them. */
export function newJudge(): JudgeState {
  return {
    version: 1,
    step: stepFrom(0, 0, 0),
    pending: noBatch,
    sourceFast: noRequests,
    sourceSlow: noRequests,
    targetFast: noRequests,
    bursts: noBursts,
    sway: noSway,
    worse: newWealth(excesses.length * estimates),
    over: newWealth(overMax.length),
    proven: newWealth(2 * estimates),
    calm: noCount,
    normal: noCount,
    normalLimits: rateLimits(noCount),
  };
}

export interface StepStart {
  readonly share: number;
  readonly nextShare: number;
  /** When what was written may be judged: the verified write and the settle time after it. */
  readonly fromMs: number;
}

/** A step begins: evidence of health starts anew, evidence of failure stays. */
export function beginStep(state: JudgeState, { share, nextShare, fromMs }: StepStart): JudgeState {
  return {
    ...state,
    step: stepFrom(share, nextShare, fromMs),
    pending: noBatch,
    proven: newWealth(2 * estimates),
    normal: state.calm,
    normalLimits: rateLimits(state.calm),
  };
}

function stepFrom(share: number, nextShare: number, fromMs: number): StepEvidence {
  const counted = { source: noCount, target: noCount };
  const worth = { source: 0, target: 0 };
  return { share, nextShare, fromMs, counted, worth, batches: 0, ms: 0, dueAtTarget: 0 };
}

export function plus(a: Count, b: Count): Count {
  return { requests: a.requests + b.requests, errors: a.errors + b.errors };
}
