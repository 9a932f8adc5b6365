import type { AchievedShare } from './agreement.ts';
import type { EntryAnswer } from './entry.ts';
import type { Verdict } from './judge/verdict.ts';
import type { Leftover } from './leftover.ts';
import type { GlassTried, Measured } from './measured.ts';
import type { ProbeHealth } from './probe-health.ts';
import type { Spec } from './spec.ts';
import type { AchievedSplit } from './subset-route.ts';

/** One port of one route: what is asked of it, what its weights at the CLB give (`share`), and what was counted. */
export interface PortView extends AchievedShare {
  readonly asked: number;
  /**
   * Per cent that was counted at the port's load balancer, all its ports together. Where no sample names its load
   * balancer it is what the gateway counted over all of them, the same number on every port.
   */
  readonly observed: number | null;
}

export interface RehearsalView {
  readonly measured: readonly Measured[];
  /** What trying break glass came to; null where it was not tried (yet). */
  readonly glass: GlassTried | null;
  /** How long one write takes here until it is verified; null where none was measured. */
  readonly writeMs: number | null;
}

/** A migration as people read it: the API, the command line and chat all show this. */
export interface MigrationView {
  readonly name: string;
  readonly run: string;
  readonly revision: number;
  /** `preflighting`, `progressing.shifting`, `held`, `rollingBack`, `rolledBack`, ... */
  readonly state: string;
  readonly isFinal: boolean;
  /** 1-based; 0 before the first. */
  readonly step: number;
  readonly steps: number;
  /** The load balancer whose route the step moves; null where all routes move together. */
  readonly route: string | null;
  /** Per cent, of the routes that the step moves; three numbers that are never mixed up. */
  readonly share: {
    readonly asked: number;
    readonly achieved: number | null;
    readonly observed: number | null;
  };
  readonly ports: readonly PortView[];
  readonly subsets: readonly AchievedSplit[];
  /** What the last look found different from what was written: who, where, which backend; null where nothing is. */
  readonly differences: string | null;
  readonly verdict: Verdict | null;
  readonly probes: readonly ProbeHealth[];
  /** What each listener answered at its load balancer's own address, since the share was verified. */
  readonly entries: readonly EntryAnswer[];
  /** What was still counted at the side with weight 0, by route; empty where no side has it, or before it was looked. */
  readonly leftovers: readonly Leftover[];
  /** What a rehearsal measured; null where it is none. */
  readonly rehearsal: RehearsalView | null;
  /** What it waits for now, in words; null when nothing is left. */
  readonly waitingFor: string | null;
  /** Why it is in this state, where there is a reason: a failing verdict, who aborted, what drifted. */
  readonly reason: string | null;
  readonly gate: { readonly id: string; readonly expiresAt: string | null } | null;
  /** Verbs that this state allows. */
  readonly allowed: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly spec: Spec;
}
