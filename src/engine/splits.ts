import type { MigrationContext } from '../../state-machines/context.ts';
import type { BaselineSplit } from '../domain/baseline.ts';
import {
  achievedSplit,
  nextSplitMove,
  type SplitOptions,
  shareOfSplit,
  splitAt,
  splitDifferences,
} from '../domain/split.ts';
import {
  type AchievedSplit,
  type Split,
  type SubsetObservation,
  type SubsetRoute,
  virtualServiceName,
} from '../domain/subset-route.ts';
import type { Ports } from '../ports/ports.ts';
import type { Progress } from './converge.ts';

/** Subsets of a host, through the same steps as the routes of load balancers. */

type Seeing = Pick<Ports, 'router'>;

export function observeSplits(
  { router }: Seeing,
  routes: readonly SubsetRoute[],
): Promise<readonly SubsetObservation[]> {
  return Promise.all(routes.map((route) => router.readSplit(route)));
}

/** The weights of a step, from the split of the baseline; or why its share cannot be reached. */
export function planSplits(
  { spec, baseline }: Pick<MigrationContext, 'spec' | 'baseline'>,
  share: number,
): { readonly splits: readonly Split[] } | { readonly unreachable: string } {
  const splits: Split[] = [];
  for (const { route, split } of baseline?.subsets ?? []) {
    const planned = splitAt(split, route, share);
    const achieved = shareOfSplit(planned, route);
    if (achieved === null || Math.abs(achieved - share) > spec.tolerance) {
      const nearest = achieved === null ? 'none' : achieved.toFixed(1);
      return { unreachable: `${route.host}: ${share} per cent cannot be reached, the nearest is ${nearest}` };
    }
    splits.push(planned);
  }
  return { splits };
}

/** What a look finds different; a fence that vanished is drift as well (rule 6). */
export function splitAgreement(observation: SubsetObservation, goal: Split): readonly string[] {
  const differences = splitDifferences(observation, goal);
  if (differences.length > 0 || observation.carrier === null || observation.carrier.fence !== null) return differences;
  return [`VirtualService ${virtualServiceName(observation.route)} lost its fence annotation`];
}

export interface SplitProgress {
  readonly state: Progress['state'];
  readonly note: string;
  readonly achieved: AchievedSplit;
}

/** One move towards a goal, from one look. */
export async function convergeSplit(
  { router }: Seeing,
  observation: SubsetObservation,
  goal: Split,
  fence: number,
  options: SplitOptions,
): Promise<SplitProgress> {
  const achieved = achievedSplit(observation);
  const move = nextSplitMove(observation, goal, options);
  if (move.kind === 'verified') return { state: 'verified', note: '', achieved };
  if (move.kind === 'blocked') return { state: 'blocked', note: move.reason, achieved };
  await router.writeSplit(observation.route, move.split, fence);
  return { state: 'moving', note: `route weights of ${observation.route.host} written`, achieved };
}

/** A step is cautious: what cannot be counted is not relied on. */
export const cautiousSplit: SplitOptions = {
  sourcePodsAtBaseline: null,
  isPatienceOver: false,
  isForced: false,
  needsCount: true,
};

export interface RestoringSplits {
  readonly kept: readonly BaselineSplit[];
  readonly fence: number;
  readonly isPatienceOver: boolean;
  readonly isForced: boolean;
}

/** Brings every split back on its own, so that none holds up another; the first error is thrown when all had their move. */
export async function restoreSplits(
  ports: Seeing,
  { kept, fence, isPatienceOver, isForced }: RestoringSplits,
): Promise<readonly SplitProgress[]> {
  const settled = await Promise.allSettled(
    kept.map(async ({ route, split, sourcePods }) => {
      const options = { sourcePodsAtBaseline: sourcePods, isPatienceOver, isForced, needsCount: false };
      return convergeSplit(ports, await ports.router.readSplit(route), split, fence, options);
    }),
  );
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}
