import { type Backend, type BackendMode, weightSumOf } from './backend-weights.ts';
import type { Side } from './spec.ts';

/** The backends of one Service, as many as it has clusters in all for a side. */
export interface BackendSet {
  readonly mode: BackendMode;
  readonly backends: readonly Backend[];
}

/** The two sides' backends behind one port. */
export interface PortShape {
  readonly source: readonly BackendSet[];
  readonly target: readonly BackendSet[];
}

/** Values of the two weight annotations. */
export interface WeightPair {
  readonly source: number;
  readonly target: number;
}

export interface PlannedPair {
  readonly weights: WeightPair;
  /** Per cent that the pair gives at the CLB, for each port in the order asked. */
  readonly achieved: readonly number[];
  /** The port farthest from what was asked, in points. */
  readonly missedBy: number;
}

/** Per cent of new requests that go to the target, null where nothing carries weight at all. */
export function shareOf(sourceSum: number, targetSum: number): number | null {
  const all = sourceSum + targetSum;
  return all === 0 ? null : (targetSum / all) * 100;
}

/**
 * The weight pair over 0..100 squared whose share comes nearest to `asked` on every port; then the larger sum of the
 * two annotations (finer steps between the writes), then the smaller share, so that the answer is the same on every
 * machine. A side gets weight 0 only where 0 or 100 per cent is asked: nobody who asks for 1 per cent wants a side
 * switched off.
 *
 * @param asked per cent, 0..100
 * @returns null where a side has no backends, so that no pair gives the share
 */
export function nearestPair(asked: number, ports: readonly PortShape[]): PlannedPair | null {
  const sources = distinctSums(ports, 'source', asked === 100);
  const targets = distinctSums(ports, 'target', asked === 0);
  let best: Candidate | null = null;
  for (const source of sources) {
    for (const target of targets) {
      const candidate = candidateOf(asked, source, target, best === null ? Number.POSITIVE_INFINITY : best.missedBy);
      if (candidate !== null && (best === null || isBetter(candidate, best))) best = candidate;
    }
  }
  return best === null ? null : plannedOf(best);
}

/** What a weight pair gives now; null where it leaves a side without weight that is to have some. */
export function pairAsIs(asked: number, weights: WeightPair, ports: readonly PortShape[]): PlannedPair | null {
  const at = (side: Side): SideSums => ({ weight: weights[side], sums: sumsAt(ports, side, weights[side]) });
  const candidate = candidateOf(asked, at('source'), at('target'));
  return candidate === null ? null : plannedOf(candidate);
}

function plannedOf({ source, target, missedBy }: Candidate): PlannedPair {
  const achieved = source.sums.map((sum, port) => shareOf(sum, target.sums[port] ?? 0) ?? 0);
  return { weights: { source: source.weight, target: target.weight }, achieved, missedBy };
}

/** The smallest share above 0 that any pair reaches on every port at once, in per cent; null without backends. */
export function smallestShare(ports: readonly PortShape[]): number | null {
  const most = sumsAt(ports, 'source', 100);
  if (most.some((sum) => sum === 0) || ports.length === 0) return null;
  for (let weight = 1; weight <= 100; weight += 1) {
    const sums = sumsAt(ports, 'target', weight);
    // Pods on virtual nodes among Local nodes have no minimum, so that a small weight may be none at all.
    if (sums.every((sum) => sum > 0)) {
      return Math.max(...sums.map((sum, port) => shareOf(most[port] ?? 0, sum) ?? 0));
    }
  }
  return null;
}

/** A weight of one side, and the sums of backend weights it gives, port by port. */
interface SideSums {
  readonly weight: number;
  readonly sums: readonly number[];
}

/** Shares that differ by less are the same: what is left is rounding. */
const same = 1e-9;

interface Candidate {
  readonly source: SideSums;
  readonly target: SideSums;
  readonly missedBy: number;
  /** Per cent, at the port that has the most. */
  readonly share: number;
}

/**
 * One weight for each set of sums that differs, the largest: with integer division most weights give the same sums, and
 * of pairs with the same sums the one with the larger annotations is wanted anyway.
 */
function distinctSums(ports: readonly PortShape[], side: Side, isSwitchedOff: boolean): readonly SideSums[] {
  if (isSwitchedOff) return [{ weight: 0, sums: ports.map(() => 0) }];
  const distinct: SideSums[] = [];
  // Sums only grow with the weight, so that equal ones stand together.
  for (let weight = 100; weight >= 1; weight -= 1) {
    const sums = sumsAt(ports, side, weight);
    if (!distinct.at(-1)?.sums.every((sum, port) => sum === sums[port])) distinct.push({ weight, sums });
  }
  return distinct;
}

function sumsAt(ports: readonly PortShape[], side: Side, weight: number): readonly number[] {
  return ports.map((port) =>
    port[side].reduce((sum, { mode, backends }) => sum + weightSumOf(weight, mode, backends), 0),
  );
}

/** @param missedByMax in points: what misses by more is of no use to the caller, and null */
function candidateOf(
  asked: number,
  source: SideSums,
  target: SideSums,
  missedByMax = Number.POSITIVE_INFINITY,
): Candidate | null {
  let missedBy = 0;
  let highest = 0;
  for (let port = 0; port < source.sums.length; port += 1) {
    const share = shareOf(source.sums[port] ?? 0, target.sums[port] ?? 0);
    const sideIsEmpty = (share === 0 && asked !== 0) || (share === 100 && asked !== 100);
    if (share === null || sideIsEmpty) return null;
    missedBy = Math.max(missedBy, Math.abs(share - asked));
    if (missedBy > missedByMax + same) return null;
    highest = Math.max(highest, share);
  }
  return { source, target, missedBy, share: highest };
}

function isBetter(one: Candidate, best: Candidate): boolean {
  if (Math.abs(one.missedBy - best.missedBy) > same) return one.missedBy < best.missedBy;
  const [sum, bestSum] = [one, best].map(({ source, target }) => source.weight + target.weight) as [number, number];
  return sum === bestSum ? one.share < best.share - same : sum > bestSum;
}
