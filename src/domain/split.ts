import type { MoveOptions } from './shift.ts';
import {
  type AchievedSplit,
  podsBehindFrom,
  podsOfSubset,
  type Split,
  type SubsetObservation,
  type SubsetRoute,
  virtualServiceName,
} from './subset-route.ts';

/** Weights of a route are written to this sum: older releases of Istio take no other. */
const whole = 100;

/**
 * Today's split, made explicit: the weights as they are written, or, where nobody wrote any, the same for each subset
 * that has a ready pod. It is the baseline, and what a rollback restores. Null where no subset has a ready pod.
 */
export function splitToday(observation: SubsetObservation): Split | null {
  const written = observation.carrier?.split ?? null;
  if (written !== null) return written;
  const served = observation.subsets.filter((subset) => (podsOfSubset(subset) ?? 0) > 0).map(({ name }) => name);
  if (served.length === 0) return null;
  const equal = spread(whole, Object.fromEntries(served.map((name) => [name, 1])));
  return Object.fromEntries(observation.subsets.map(({ name }) => [name, equal[name] ?? 0]));
}

/**
 * The split that gives `to` a share of what `from` and `to` get together. What other subsets of the host get stays as
 * it is, and so does the proportion among `from`.
 *
 * @param share per cent, 0..100
 */
export function splitAt(today: Split, { from, to }: SubsetRoute, share: number): Split {
  const moved = sumOf(today, [...from, to]);
  const target = Math.round((moved * share) / 100);
  const proportions = Object.fromEntries(from.map((name) => [name, today[name] ?? 0]));
  const isEmpty = sumOf(today, from) === 0;
  const kept = spread(moved - target, isEmpty ? Object.fromEntries(from.map((name) => [name, 1])) : proportions);
  return { ...today, ...kept, [to]: target };
}

/** Per cent of the requests to `from` and `to` together that go to `to`; null where they get none. */
export function shareOfSplit(split: Split, { from, to }: SubsetRoute): number | null {
  const moved = sumOf(split, [...from, to]);
  return moved === 0 ? null : ((split[to] ?? 0) / moved) * 100;
}

export function achievedSplit(observation: SubsetObservation): AchievedSplit {
  const { route } = observation;
  const weights = splitToday(observation) ?? {};
  return {
    virtualService: virtualServiceName(route),
    host: route.host,
    weights,
    share: shareOfSplit(weights, route),
  };
}

/** Every difference between what is written and what should be, in words for people; none means verified. */
export function splitDifferences({ route, carrier }: SubsetObservation, goal: Split): readonly string[] {
  const name = `VirtualService ${virtualServiceName(route)}`;
  if (carrier === null) return [`${name} does not exist`];
  if (carrier.problem !== null) return [`${name}: ${carrier.problem}`];
  if (carrier.split === null) return [`${name} names no subsets of ${route.host}`];
  const { split } = carrier;
  const by = carrier.writtenBy === null ? '' : `, last written by ${carrier.writtenBy}`;
  return [...new Set([...Object.keys(goal), ...Object.keys(split)])].flatMap((subset) => {
    const [found, wanted] = [split[subset] ?? 0, goal[subset] ?? 0];
    return found === wanted ? [] : [`subset ${subset} of ${route.host} has weight ${found}, not ${wanted}${by}`];
  });
}

/** The one next thing to do so that a split comes to its goal. */
export type SplitMove =
  | { readonly kind: 'write'; readonly split: Split }
  | { readonly kind: 'blocked'; readonly reason: string }
  | { readonly kind: 'verified' };

/** As for the moves of a route (shift.ts); `needsCount`: pods that cannot be counted are taken as none. */
export type SplitOptions = Pick<MoveOptions, 'sourcePodsAtBaseline' | 'isPatienceOver' | 'isForced'> & {
  readonly needsCount: boolean;
};

/**
 * One write moves both sides at once, so no order has to be kept. What rule 5 asks for stays: no weight is raised for a
 * subset without a ready pod, and where the pods of `from` are fewer than at the baseline they get half of the requests
 * back first, and the rest when they have grown or patience is over.
 */
export function nextSplitMove(observation: SubsetObservation, goal: Split, options: SplitOptions): SplitMove {
  if (splitDifferences(observation, goal).length === 0) return { kind: 'verified' };
  const { route } = observation;
  const now = splitToday(observation) ?? {};
  const dark = observation.subsets.filter(
    (subset) =>
      (goal[subset.name] ?? 0) > (now[subset.name] ?? 0) &&
      (podsOfSubset(subset) ?? (options.needsCount ? 0 : 1)) === 0,
  );
  if (dark.length > 0 && !options.isForced) {
    const names = dark.map(({ name }) => name).join(', ');
    return { kind: 'blocked', reason: `subset ${names} of ${route.host} has no ready pod and cannot get requests` };
  }
  const before = options.sourcePodsAtBaseline;
  const pods = podsBehindFrom(observation);
  const isShrunken = before !== null && pods !== null && pods < before && !options.isPatienceOver && !options.isForced;
  if (!isShrunken) return { kind: 'write', split: goal };
  const half = splitAt(goal, route, Math.max(shareOfSplit(goal, route) ?? 0, whole / 2));
  if ((shareOfSplit(now, route) ?? 0) > whole / 2) return { kind: 'write', split: half };
  const reason = `${route.from.join(', ')} of ${route.host} have ${pods} ready pods of ${before} and could be flooded: waiting for them to grow`;
  return { kind: 'blocked', reason };
}

/** Whole weights in proportion that sum to `sum`: each rounded down, what is left to the largest remainders, in order. */
function spread(sum: number, proportions: Split): Split {
  const names = Object.keys(proportions);
  const all = sumOf(proportions, names);
  const exact = names.map((name) => (all === 0 ? 0 : (sum * (proportions[name] ?? 0)) / all));
  const floors = exact.map(Math.floor);
  const left = all === 0 ? 0 : sum - floors.reduce((total, one) => total + one, 0);
  const byRemainder = names.map((_, index) => index);
  byRemainder.sort((a, b) => (exact[b] ?? 0) - (floors[b] ?? 0) - ((exact[a] ?? 0) - (floors[a] ?? 0)) || a - b);
  const extra = new Set(byRemainder.slice(0, left));
  return Object.fromEntries(names.map((name, index) => [name, (floors[index] ?? 0) + (extra.has(index) ? 1 : 0)]));
}

function sumOf(split: Split, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (split[name] ?? 0), 0);
}
