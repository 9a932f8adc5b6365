import {
  type CarrierWeights,
  type Difference,
  differencesOfSide,
  isWritten,
  ownOf,
  predictedWeights,
  type RouteGoal,
  weightIn,
  weightSum,
} from './agreement.ts';
import { type GroupReading, ownBackends, type RouteObservation, readingOf, readyPods } from './observation.ts';
import { shareOf } from './share.ts';
import { type Side, sides } from './spec.ts';

/** The one next thing to do so that a route comes to its goal. Found anew from every look, so a crash loses nothing. */
export type Move =
  | { readonly kind: 'write'; readonly side: Side; readonly weights: CarrierWeights }
  | { readonly kind: 'wait'; readonly waitingFor: string }
  /** A rule forbids the only write that is left; people must be told. */
  | { readonly kind: 'blocked'; readonly reason: string }
  | { readonly kind: 'verified' };

/** What a write is about to do. */
type SideWeights = Pick<Extract<Move, { readonly kind: 'write' }>, 'side' | 'weights'>;

export interface MoveOptions {
  /** Ready pods that the source had at baseline; less means that it may not carry everything yet. Null: do not ask. */
  readonly sourcePodsAtBaseline: number | null;
  /** True once the time for the source to grow is over. */
  readonly isPatienceOver: boolean;
  /** True once a write of one side had its time; the other side then no longer waits for it (rule 5). */
  readonly isOverdue: boolean;
  /** Does the side answer probes? Null: not asked. Stands in where the CLB does not know the health of its backends. */
  readonly answers: Readonly<Record<Side, boolean | null>>;
  /** A side whose write just failed: the other one is not to wait for it. */
  readonly avoid: Side | null;
  /** A person's word that goes past the guards on health and capacity. */
  readonly isForced: boolean;
}

/** For a step of the migration: nothing is known of capacity, and one write always waits for the other. */
export const cautious: MoveOptions = {
  sourcePodsAtBaseline: null,
  isPatienceOver: false,
  isOverdue: false,
  answers: { source: null, target: null },
  avoid: null,
  isForced: false,
};

/**
 * Decides the next move of a route towards its goal.
 * Of two writes the one that lowers the target's share goes first; if both raise it, the target is raised, verified,
 * and then the source lowered; a side is only brought to 0 when the other demonstrably carries traffic (rules 1, 5).
 */
export function nextMove(observation: RouteObservation, goal: RouteGoal, options: MoveOptions): Move {
  const unwritten = sides.filter((side) => !isWritten(readingOf(observation, side), goal[side]));
  const onTheWay = sides
    .filter((side) => !unwritten.includes(side))
    .flatMap((side) => differencesOfSide(observation, side, goal[side]));
  if (onTheWay.length > 0 && (unwritten.length === 0 || !options.isOverdue)) return waitFor(onTheWay);
  if (unwritten.length === 0) return { kind: 'verified' };
  const refusals: string[] = [];
  for (const side of inOrder(observation, goal, unwritten)) {
    if (side === options.avoid) continue;
    const refusal = refusalOf(observation, side, goal[side], options) ?? undercutRefusal(observation, side, goal[side]);
    if (refusal !== null) refusals.push(refusal);
    else if (!goesBeyond(observation, side, goal)) return { kind: 'write', side, weights: goal[side] };
  }
  if (refusals.length === 0 && onTheWay.length > 0) return waitFor(onTheWay);
  if (refusals.length === 0) return { kind: 'wait', waitingFor: `the ${options.avoid} to take a write` };
  return { kind: 'blocked', reason: refusals.join('; ') };
}

function waitFor(differences: readonly Difference[]): Move {
  const first = differences.find(({ at }) => at === 'service') ?? differences[0];
  const waitingFor =
    first?.at === 'service'
      ? `the ASM controller (${first.text})`
      : `the cloud controller (${first?.text ?? ''}${differences.length > 1 ? ` and ${differences.length - 1} more` : ''})`;
  return { kind: 'wait', waitingFor };
}

/** Writes by the share they leave in between, lowest first; the target first where both raise it (rule 1). */
function inOrder(observation: RouteObservation, goal: RouteGoal, unwritten: readonly Side[]): readonly Side[] {
  const between = new Map(unwritten.map((side) => [side, shareAfter(observation, side, goal[side])]));
  const order = [...unwritten].sort((a, b) => (a === 'target' ? -1 : 0) - (b === 'target' ? -1 : 0));
  if (!order.some((side) => lowers(observation, side, goal[side]))) return order;
  return order.sort((a, b) => (between.get(a) ?? 0) - (between.get(b) ?? 0));
}

/**
 * By the sums and not by the share: at a share of 0 a rising source cannot lower it, but has to rise first all the same.
 * A Local source without annotation weighs as much as it has pods, so a target raised before it would get nearly all.
 */
function lowers(observation: RouteObservation, side: Side, weights: CarrierWeights): boolean {
  return observation.groups.some((group) => {
    const before = currentSums(observation, group)[side];
    const after = sumAfter(observation, group, side, weights);
    return side === 'source' ? after > before : after < before;
  });
}

/**
 * The side whose fence has to be raised before a write takes weight from the other one; null where nothing speaks against
 * the write. Two writers at one moment, each of which leaves the other side its weight, take both away (rule 1): whoever
 * wrote under an older fence must be kept out of what is left to carry the traffic. Of a target that is to be written
 * itself, nothing is to be kept: its own write comes first.
 *
 * @param enough a fence that keeps every writer of before out
 */
export function openBeside(
  observation: RouteObservation,
  goal: RouteGoal,
  write: SideWeights,
  enough: number,
): Side | null {
  const { side, weights } = write;
  const takesAway = observation.groups.some(
    (group) => sumAfter(observation, group, side, weights) < highestSum(observation, group, side),
  );
  const other: Side = side === 'source' ? 'target' : 'source';
  const reading = readingOf(observation, other);
  const isOpen = reading.carrier !== null && (reading.carrier.fence ?? 0) < enough;
  return takesAway && isOpen && (other === 'source' || isWritten(reading, goal.target)) ? other : null;
}

interface Sums {
  readonly source: number;
  readonly target: number;
}

function currentSums(observation: RouteObservation, group: GroupReading): Sums {
  return {
    source: weightSum(ownOf(group, observation.source)),
    target: weightSum(ownOf(group, observation.target)),
  };
}

/** At the load balancer now or after the next reconcile, whichever is more. */
function highestSum(observation: RouteObservation, group: GroupReading, side: Side): number {
  const { carrier } = readingOf(observation, side);
  const annotated = carrier === null ? 0 : sumAfter(observation, group, side, carrier);
  return Math.max(currentSums(observation, group)[side], annotated);
}

function sumAfter(observation: RouteObservation, group: GroupReading, side: Side, weights: CarrierWeights): number {
  return ownBackends(group, readingOf(observation, side)).reduce(
    (sum, { service, backends }) =>
      sum +
      predictedWeights(service, weightIn(service.clusterId, weights), backends).reduce((part, one) => part + one, 0),
    0,
  );
}

function shareAfter(observation: RouteObservation, side: Side, weights: CarrierWeights): number {
  return highestShare(
    observation.groups.map((group) => ({
      ...currentSums(observation, group),
      [side]: sumAfter(observation, group, side, weights),
    })),
  );
}

function highestShare(sums: readonly Sums[]): number {
  return Math.max(0, ...sums.map(({ source, target }) => shareOf(source, target) ?? 0));
}

/**
 * Would the share in between exceed both ends (rule 1)? Only where one side is written without the other: a source whose
 * baseline is below its present weight is lowered when the target has gone, however long that takes.
 */
function goesBeyond(observation: RouteObservation, side: Side, goal: RouteGoal): boolean {
  const now = observation.groups.map((group) => currentSums(observation, group));
  const end = observation.groups.map((group) => ({
    source: sumAfter(observation, group, 'source', goal.source),
    target: sumAfter(observation, group, 'target', goal.target),
  }));
  const after = shareAfter(observation, side, goal[side]);
  return after > Math.max(highestShare(now), highestShare(end));
}

/**
 * The load balancer may still show weights of the other side that its annotation takes away: the next reconcile would
 * leave nothing (rule 1), so a side is not brought to 0 before the other is told to carry.
 */
function undercutRefusal(observation: RouteObservation, side: Side, weights: CarrierWeights): string | null {
  const other: Side = side === 'source' ? 'target' : 'source';
  const { carrier } = readingOf(observation, other);
  if (carrier === null) return null;
  const undercut = observation.groups.find(
    (group) =>
      sumAfter(observation, group, side, weights) === 0 &&
      // What was set straight at the CLB is gone with the next reconcile: the annotation is what is taken away then.
      highestSum(observation, group, side) > 0 &&
      sumAfter(observation, group, other, carrier) === 0,
  );
  if (undercut === undefined) return null;
  return `the ${side} keeps its weight in ${undercut.group}: the annotation of the ${other} gives it none`;
}

/** Why a side may not be brought to these weights now; null where nothing speaks against it. */
export function refusalOf(
  observation: RouteObservation,
  side: Side,
  weights: CarrierWeights,
  options: MoveOptions,
): string | null {
  const emptied = observation.groups.filter(
    (group) =>
      sumAfter(observation, group, side, weights) === 0 && weightSum(ownOf(group, readingOf(observation, side))) > 0,
  );
  const other: Side = side === 'source' ? 'target' : 'source';
  for (const group of emptied) {
    if (!carriesTraffic(observation, group, other, options)) {
      return `the ${side} keeps its weight in ${group.group}: no backend of the ${other} has weight and is healthy`;
    }
  }
  const isLowered = emptied.length > 0 && side === 'target';
  return isLowered ? capacityRefusal(observation, options) : null;
}

function carriesTraffic(observation: RouteObservation, group: GroupReading, side: Side, options: MoveOptions): boolean {
  const weighted = ownOf(group, readingOf(observation, side)).filter(({ weight }) => weight > 0);
  if (options.isForced) return weighted.length > 0;
  if (weighted.some(({ health }) => health === 'normal')) return true;
  // Where the CLB checks health, it sends nothing to what it has not found healthy yet, whatever a probe says.
  const isChecked = group.backends.some(({ health }) => health !== 'unavailable');
  return options.answers[side] === true && !isChecked && weighted.length > 0;
}

function capacityRefusal(observation: RouteObservation, options: MoveOptions): string | null {
  const before = options.sourcePodsAtBaseline;
  const now = readyPods(observation.source);
  if (before === null || now >= before || options.isPatienceOver || options.isForced) return null;
  return `the source has ${now} ready backends of ${before} and could be flooded: waiting for it to grow`;
}
