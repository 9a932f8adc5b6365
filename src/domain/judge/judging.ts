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

/** A cell and the step that the judge was at with it; null where it learnt what the source is like before the first. */
export interface FedCell {
  readonly cell: Cell;
  readonly step: JudgedStep | null;
}

export interface Fed {
  readonly judging: Judging;
  /** What was new. */
  readonly cells: readonly FedCell[];
}

/** Judges that were fed what is new; fed the same again they stay as they are. Samples in any order; without judges, new ones. */
export function feed(
  judging: Judging | undefined,
  samples: readonly Sample[],
  step: JudgedStep,
  { analysis, atMs }: { readonly analysis: Analysis; readonly atMs: number },
): Fed {
  const before = known(judging, step);
  const hasBegun = before.errors.step.share > 0;
  const cells = cellsOf(samples, before.countedToMs, atMs).map(
    // Before the first step the source alone is learnt, up to the moment in which the target got a share.
    (cell): FedCell => ({ cell, step: hasBegun || cell.atMs > step.verifiedAtMs ? step : null }),
  );
  const latency = analysis.latency === null ? null : (before.latency ?? newJudge());
  const fed = {
    ...before,
    countedToMs: cells.at(-1)?.cell.atMs ?? before.countedToMs,
    errors: feedOne(before.errors, cells, policyOf(analysis)),
    latency:
      latency === null || analysis.latency === null
        ? null
        : feedOne(latency, cells.map(ofSlow), policyOf(analysis.latency)),
  };
  return { judging: fed, cells };
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

function feedOne(state: JudgeState, cells: readonly FedCell[], policy: JudgePolicy): JudgeState {
  let fed = state;
  for (const { cell, step } of cells) {
    if (step !== null) fed = inStep(fed, step);
    // An interval that began before the step may judge counts belongs to it no more than one that ended before.
    const reachesBack = step !== null && cell.fromMs < step.fromMs && cell.atMs > step.fromMs;
    fed = observe(fed, reachesBack ? { ...cell, ms: cell.atMs - cell.fromMs } : cell, policy);
  }
  return fed;
}

function ofSlow({ cell, step }: FedCell): FedCell {
  return { step, cell: { ...cell, source: cell.slow.source, target: cell.slow.target } };
}
