import type { Spec } from './spec.ts';
import { shareOfSplit, splitAt, splitToday } from './split.ts';
import { type Split, type SubsetObservation, virtualServiceName } from './subset-route.ts';

/** What a migration would do to the subsets of a host. Shares are in per cent. */
export interface SplitPlan {
  /** `mesh/namespace/name` of the VirtualService; it is made where there is none. */
  readonly virtualService: string;
  readonly exists: boolean;
  readonly host: string;
  readonly from: readonly string[];
  readonly to: string;
  /** What the baseline will be; null where it cannot be told. */
  readonly today: { readonly weights: Split; readonly share: number | null } | null;
  readonly steps: readonly SplitStepPlan[];
}

export interface SplitStepPlan {
  readonly asked: number;
  readonly weights: Split | null;
  readonly achieved: number | null;
  readonly reachable: boolean;
  readonly reason: string | null;
  /** Requests that the target gets in this step at the present rate; null where it is unknown. */
  readonly requests: number | null;
  readonly earliestEnd: string | null;
}

export function planSplit(
  observation: SubsetObservation,
  { steps, tolerance }: Pick<Spec, 'steps' | 'tolerance'>,
  { ends, requestsPerSecond }: { readonly ends: readonly (string | null)[]; readonly requestsPerSecond: number | null },
): SplitPlan {
  const { route, carrier } = observation;
  const weights = carrier?.problem == null ? splitToday(observation) : null;
  return {
    virtualService: virtualServiceName(route),
    exists: carrier !== null,
    host: route.host,
    from: route.from,
    to: route.to,
    today: weights === null ? null : { weights, share: shareOfSplit(weights, route) },
    steps: steps.map(({ share: asked, bakeMs }, index): SplitStepPlan => {
      const planned = weights === null ? null : splitAt(weights, route, asked);
      const achieved = planned === null ? null : shareOfSplit(planned, route);
      const reason = reasonAgainst(asked, achieved, tolerance);
      const exposed = requestsPerSecond === null || achieved === null ? null : (requestsPerSecond * bakeMs) / 1000;
      return {
        asked,
        weights: planned,
        achieved,
        reachable: reason === null,
        reason,
        requests: exposed === null || achieved === null ? null : Math.round((exposed * achieved) / 100),
        earliestEnd: ends[index] ?? null,
      };
    }),
  };
}

function reasonAgainst(asked: number, achieved: number | null, tolerance: number): string | null {
  if (achieved === null) return 'how the host is split today cannot be told';
  const missed = Math.abs(achieved - asked);
  return missed <= tolerance
    ? null
    : `the nearest share is ${achieved.toFixed(1)} per cent, ${missed.toFixed(1)} points off with ${tolerance} allowed`;
}
