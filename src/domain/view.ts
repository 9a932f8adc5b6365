import type { AchievedShare } from './agreement.ts';
import type { ProbeHealth } from './probe-health.ts';
import type { Spec } from './spec.ts';
import type { AchievedSplit } from './subset-route.ts';
import type { Verdict } from './verdict.ts';

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
  /** Per cent; three numbers that are never mixed up. */
  readonly share: {
    readonly asked: number;
    readonly achieved: number | null;
    readonly observed: number | null;
  };
  readonly ports: readonly AchievedShare[];
  readonly subsets: readonly AchievedSplit[];
  /** What the last look found different from what was written: who, where, which backend; null where nothing is. */
  readonly differences: string | null;
  readonly verdict: Verdict | null;
  readonly probes: readonly ProbeHealth[];
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
