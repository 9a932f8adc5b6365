import type { Analysis } from '../spec.ts';
import type { Sample } from '../verdict.ts';
import { type Cell, cellMs, cellsOf, intervalMsMax } from './cells.ts';
import { observe } from './observe.ts';
import { type JudgePolicy, policyOf } from './policy.ts';
import { beginStep, type JudgeState, newJudge, type StepStart } from './state.ts';

/** What the judges of one source of signals remember from look to look; JSON, at most 2 kB a metric. */
export interface Judging {
  readonly version: 1;
  /** Intervals that ended until then were counted. */
  readonly countedToMs: number;
  /** The load balancer whose requests are judged; null where all are. */
  readonly route: string | null;
  readonly errors: JudgeState;
  /** Null where latency is not judged. */
  readonly latency: JudgeState | null;
}

/** The step under way: verified at `verifiedAtMs`, judged from `fromMs` on. */
export interface JudgedStep extends StepStart {
  readonly verifiedAtMs: number;
  readonly route: string | null;
}

/** The judge learns from so much of the source before the first step, where it was counted (reference judge.md 2.3). */
const warmUpMs = 600_000;

/** Samples from here on are needed for the next look. */
export function judgedFrom(judging: Judging | undefined, step: JudgedStep): number {
  return known(judging, step).countedToMs - intervalMsMax;
}

/** Judges that were fed what is new; fed the same again they stay as they are. Samples in any order; without judges, new ones. */
export function feed(
  judging: Judging | undefined,
  samples: readonly Sample[],
  step: JudgedStep,
  { analysis, atMs }: { readonly analysis: Analysis; readonly atMs: number },
): Judging {
  const before = known(judging, step);
  const cells = cellsOf(samples, before.countedToMs, atMs);
  const latency = analysis.latency === null ? null : (before.latency ?? newJudge());
  return {
    ...before,
    countedToMs: cells.at(-1)?.atMs ?? before.countedToMs,
    errors: feedOne(before.errors, cells, step, policyOf(analysis)),
    latency:
      latency === null || analysis.latency === null
        ? null
        : feedOne(latency, cells.map(ofSlow), step, policyOf(analysis.latency)),
  };
}

/** The state as of this step: what was fed may all be of before. */
export function inStep(state: JudgeState, step: JudgedStep): JudgeState {
  return isBegun(state, step) ? state : beginStep(state, step);
}

/** A judge of another route, or of another version of Sluice, has nothing to say: what was counted is counted anew. */
function known(judging: Judging | undefined, step: JudgedStep): Judging {
  if (judging?.version === 1 && judging.route === step.route) return judging;
  const countedToMs = Math.floor((step.verifiedAtMs - warmUpMs) / cellMs) * cellMs;
  return { version: 1, countedToMs, route: step.route, errors: newJudge(), latency: null };
}

function isBegun({ step }: JudgeState, { share, fromMs }: JudgedStep): boolean {
  return step.share === share && step.fromMs === fromMs;
}

function feedOne(state: JudgeState, cells: readonly Cell[], step: JudgedStep, policy: JudgePolicy): JudgeState {
  let fed = state;
  for (const cell of cells) {
    // Before the first step the source alone is learnt, up to the moment in which the target got a share.
    const isWarmUp = fed.step.share === 0 && cell.atMs <= step.verifiedAtMs;
    if (!isWarmUp) fed = inStep(fed, step);
    // An interval that began before the step may judge counts belongs to it no more than one that ended before.
    const reachesBack = cell.fromMs < step.fromMs && cell.atMs > step.fromMs;
    fed = observe(fed, reachesBack ? { ...cell, ms: cell.atMs - cell.fromMs } : cell, policy);
  }
  return fed;
}

function ofSlow(cell: Cell): Cell {
  return { ...cell, source: cell.slow.source, target: cell.slow.target };
}
