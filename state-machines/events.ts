import type { AchievedShare, RouteGoal } from '../src/domain/agreement.ts';
import type { Baseline } from '../src/domain/baseline.ts';
import type { EntryAnswer } from '../src/domain/entry.ts';
import type { GatewayFields } from '../src/domain/gateway-change.ts';
import type { Judging } from '../src/domain/judge/judging.ts';
import type { Verdict } from '../src/domain/judge/verdict.ts';
import type { Leftover } from '../src/domain/leftover.ts';
import type { GlassTried } from '../src/domain/measured.ts';
import type { PersonCommand } from '../src/domain/person-command.ts';
import type { ProbeAnswer } from '../src/domain/probe-health.ts';
import type { SourcePods } from '../src/domain/source-capacity.ts';
import type { AchievedSplit, Split } from '../src/domain/subset-route.ts';
import type { ObservedShare } from '../src/domain/verdict.ts';

/** What was verified, where it decides: at the load balancers and in the mesh. */
export interface Achieved {
  readonly achieved: readonly AchievedShare[];
  readonly achievedSplits: readonly AchievedSplit[];
}

/** What one look found. */
export interface Look extends Achieved {
  /** Do the CLB and the annotations say what they should? `unknown`: could not be read, or pods are coming and going. */
  readonly weights: 'agree' | 'differ' | 'unknown';
  /** Each difference in words, at most a hundred; none where they agree. */
  readonly differences: readonly string[];
  /** What the differences go back to, in words that stay the same while a controller follows it. '' where they agree. */
  readonly cause: string;
  /** Annotations, Services and listeners are as they should be: only weights at the load balancer differ. */
  readonly isAtClbOnly: boolean;
  /** Which backends there are, by the Kubernetes APIs; '' where they could not be read. */
  readonly backends: string;
  /** A fence on an object that is above this record's revision: somebody rescued, or the store lost commits. */
  readonly newerFence: number | null;
  /** In every group some backend of the source has weight and is healthy: traffic can be put back onto it. */
  readonly isSourceCarrying: boolean;
  /** The change that restarts pods of a target now, in words; null where none does. */
  readonly restarting: string | null;
  /** Of the IstioGateways, the fields that restart their pods. */
  readonly gatewayFields: GatewayFields;
  /** What the sources could carry. */
  readonly sourcePods: SourcePods;
  readonly answers: readonly ProbeAnswer[];
  /** Of the load balancers' listeners; decides nothing. */
  readonly entries: readonly EntryAnswer[];
  readonly verdict: Verdict;
  /**
   * What the judges remember now, by source of signals. It replaces what the look began with, so that a look that is seen twice
   * counts once.
   */
  readonly judging: Readonly<Record<string, Judging>>;
  /** Per cent, of the routes that move; null where nobody counted. */
  readonly observed: number | null;
  readonly observedOn: readonly ObservedShare[];
  /** At the source, on each load balancer on which it has weight 0. */
  readonly leftovers: readonly Leftover[];
}

type Answer =
  /** With what people should know although it refuses nothing, in few words; null where all is well. */
  | { readonly type: 'preflight.passed'; readonly baseline: Baseline; readonly remark: string | null }
  | { readonly type: 'preflight.refused'; readonly reason: string }
  | { readonly type: 'baseline.kept' }
  | { readonly type: 'baseline.notKept'; readonly reason: string }
  | {
      readonly type: 'shift.planned';
      readonly goals: readonly RouteGoal[];
      readonly splits: readonly Split[];
      readonly writes: number;
    }
  | { readonly type: 'shift.unreachable'; readonly reason: string }
  /** Pods of a target are being replaced: it is planned when they are there. */
  | { readonly type: 'shift.postponed'; readonly reason: string }
  | ({ readonly type: 'shift.verified' } & Achieved)
  | { readonly type: 'shift.failed'; readonly reason: string }
  /** An object carries a newer fence: somebody rescued, or the store lost commits. */
  | { readonly type: 'shift.overtaken'; readonly reason: string }
  | { readonly type: 'watch.seen'; readonly look: Look }
  | { readonly type: 'restore.blocked'; readonly reason: string }
  | { readonly type: 'restore.brokeGlass'; readonly reason: string }
  /** With what is left at the target. */
  | ({ readonly type: 'restore.verified'; readonly leftovers: readonly Leftover[] } & Achieved)
  | { readonly type: 'leftovers.counted'; readonly leftovers: readonly Leftover[] }
  | { readonly type: 'baseline.emptied' }
  /** Somebody without our store brings it back, and it stays until that is done. */
  | { readonly type: 'baseline.inUse'; readonly reason: string }
  | ({ readonly type: 'glass.tried' } & GlassTried);

/** Answers to effects. Each repeats the question it answers. */
export type AnswerEvent = { readonly question: number } & Answer;

/** The watchdog's claim on the record, met by an engine that is back (rule 9). It comes from the record, never from outside. */
type ClaimEvent = { readonly type: 'watchdog.claimed'; readonly reason: string };

/** A person's (or schedule's) command, with who gave it. */
export type PersonEvent = PersonCommand & { readonly actor: string };

/** Every event carries its time, by the store's clock: the machine has no clock of its own. */
export type MigrationEvent = { readonly at: number } & (AnswerEvent | PersonEvent | ClaimEvent);
