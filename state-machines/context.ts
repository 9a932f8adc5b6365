import type { AchievedShare, RouteGoal } from '../src/domain/agreement.ts';
import type { Baseline } from '../src/domain/baseline.ts';
import type { EntryAnswer } from '../src/domain/entry.ts';
import type { GatewayChange, GatewayFields } from '../src/domain/gateway-change.ts';
import type { Judging } from '../src/domain/judge/judging.ts';
import type { Verdict } from '../src/domain/judge/verdict.ts';
import type { Leftover } from '../src/domain/leftover.ts';
import type { GlassTried, Measured } from '../src/domain/measured.ts';
import type { ProbeHealth } from '../src/domain/probe-health.ts';
import type { Spec, Step } from '../src/domain/spec.ts';
import { type Stage, stagesOf } from '../src/domain/stages.ts';
import type { AchievedSplit, Split } from '../src/domain/subset-route.ts';
import type { ObservedShare } from '../src/domain/verdict.ts';

export interface MigrationInput {
  readonly spec: Spec;
  readonly run: string;
  readonly watchEveryMs: number;
  /** Moves the least that can be moved, brings it back and tries break glass: to measure, not to migrate. */
  readonly isRehearsal?: boolean;
  /** What the runs before measured that had this name. */
  readonly measuredBefore?: readonly Measured[];
}

/** Why the baseline comes back where nothing went wrong: what was to be done is done. */
export const plannedEnds = { canary: 'the canary is over', rehearsal: 'the rehearsal is over' } as const;

export type HoldCause =
  | 'drift'
  | 'pulledBack'
  | 'unreachable'
  | 'restarting'
  | 'overtaken'
  | 'noData'
  | 'window'
  | 'bothFailing'
  | 'gateExpired';

export interface Hold {
  readonly cause: HoldCause;
  readonly text: string;
}

/** Everything the machine knows, as plain JSON: it is stored with every commit. */
export interface MigrationContext {
  readonly spec: Spec;
  readonly run: string;
  readonly watchEveryMs: number;
  readonly baseline: Baseline | null;
  /** Index of the stage under way (domain, stagesOf), -1 before the first. */
  readonly step: number;
  readonly question: number;
  /** What each route is to look like now; the baseline's weights until the first step is planned. */
  readonly goals: readonly RouteGoal[];
  /** The same for each subset route. */
  readonly splits: readonly Split[];
  /** The question that the goals were planned for: a shift plans once, whatever crashes in between. */
  readonly goalsOf: number;
  readonly achieved: readonly AchievedShare[];
  readonly achievedSplits: readonly AchievedSplit[];
  /** What the last look found different from the goal, in words; '' where nothing is. */
  readonly differences: string;
  /** The backends that were there when the load balancer agreed last; null before it did. */
  readonly backends: string | null;
  /** The last look found annotations that were not ours: once they are back the controllers still have to follow. */
  readonly isWrittenOtherwise: boolean;
  /** Since when the controllers have been following others, or annotations put back; null where that is not so. */
  readonly settlingSinceMs: number | null;
  /** When the share under way was verified; samples before are not of this step. */
  readonly verifiedAtMs: number | null;
  /** The drift that was answered with a write already: the same cause again is held, never fought. */
  readonly answeredDrift: string | null;
  /** What to hold for once the share under way is verified: more than asked was pulled back. */
  readonly holdWhenVerified: string | null;
  readonly isBaked: boolean;
  /** A person promoted all steps: no more bakes. */
  readonly skipsBakes: boolean;
  readonly probes: readonly ProbeHealth[];
  /** The fields of the IstioGateways that restart their pods, as the last look that read them found them. */
  readonly gatewayFields: GatewayFields;
  /** The newest change of these that was seen. */
  readonly gatewayChange: GatewayChange | null;
  /** What the entries of the load balancers answered since the target has weight. */
  readonly entries: readonly EntryAnswer[];
  readonly verdict: Verdict | null;
  /** What the judge of each source of signals remembers, over all steps. */
  readonly judging: Readonly<Record<string, Judging>>;
  readonly observed: number | null;
  /** At each load balancer that the samples name; empty where they name none. */
  readonly observedOn: readonly ObservedShare[];
  /** Sources that have fewer ready pods than at the baseline, by index: people were told. */
  readonly shrunk: readonly number[];
  /** What was still counted at the side with weight 0, by the last look since the weights were verified. */
  readonly leftovers: readonly Leftover[];
  readonly hold: Hold | null;
  /** A hold that only a person ends, also while something else that is wrong stands before it. */
  readonly waitsFor: Hold | null;
  readonly gate: { readonly id: string; readonly expiresAtMs: number } | null;
  readonly reason: string | null;
  /** A person's word that a rollback goes past the guards of rule 5. */
  readonly isForced: boolean;
  /** When the rollback began; it does not begin anew when it gets stuck or is tried again. */
  readonly rollingBackSinceMs: number | null;
  /** Weights were set straight at the CLB in this rollback; people were told. */
  readonly brokeGlass: boolean;
  /** What a rollback is blocked by, so that people are told once of each cause. */
  readonly blockedBy: string | null;
  readonly isRehearsal: boolean;
  /** How long shifts, rollbacks and break glass took in this run. */
  readonly measured: readonly Measured[];
  /** The same of the runs before that had the name. */
  readonly measuredBefore: readonly Measured[];
  /** Writes, one after the other, of the shift that is planned. */
  readonly plannedWrites: number | null;
  /** The rehearsal went to its end: what is left of it is to try break glass. */
  readonly triesGlass: boolean;
  /** What trying break glass came to, null where it was not tried. */
  readonly glassTried: GlassTried | null;
  /** Time to move that is left; pauses, gates and holds do not use it up. */
  readonly deadlineLeftMs: number;
  readonly movingSinceMs: number;
}

export function initialContext(input: MigrationInput): MigrationContext {
  return {
    spec: input.spec,
    run: input.run,
    watchEveryMs: input.watchEveryMs,
    baseline: null,
    step: -1,
    question: 0,
    goals: [],
    splits: [],
    goalsOf: 0,
    achieved: [],
    achievedSplits: [],
    differences: '',
    backends: null,
    isWrittenOtherwise: false,
    settlingSinceMs: null,
    verifiedAtMs: null,
    answeredDrift: null,
    holdWhenVerified: null,
    isBaked: false,
    skipsBakes: false,
    probes: [],
    gatewayFields: [],
    gatewayChange: null,
    entries: [],
    verdict: null,
    judging: {},
    observed: null,
    observedOn: [],
    shrunk: [],
    leftovers: [],
    hold: null,
    waitsFor: null,
    gate: null,
    reason: null,
    isForced: false,
    blockedBy: null,
    brokeGlass: false,
    rollingBackSinceMs: null,
    isRehearsal: input.isRehearsal ?? false,
    measured: [],
    measuredBefore: input.measuredBefore ?? [],
    plannedWrites: null,
    triesGlass: false,
    glassTried: null,
    deadlineLeftMs: input.spec.deadlineMs,
    movingSinceMs: 0,
  };
}

/** The stage under way; before the first, nothing is asked of any route. */
export function stageOf({ spec, step }: Pick<MigrationContext, 'spec' | 'step'>): Stage {
  return stagesOf(spec)[step] ?? { step: { share: 0, bakeMs: 0, gate: null }, route: null, shares: [] };
}

/** The step of the stage under way. */
export function stepOf(context: MigrationContext): Step {
  return stageOf(context).step;
}

export function lastStage({ spec }: Pick<MigrationContext, 'spec'>): number {
  return stagesOf(spec).length - 1;
}

export function isLastStep(context: MigrationContext): boolean {
  return context.step >= lastStage(context);
}
