import { type Backend, type BackendMode, backendWeights } from './backend-weights.ts';

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
 * two annotations (finer steps between the writes), so that the answer is the same on every machine.
 * A side gets weight 0 only where 0 or 100 per cent is asked: nobody who asks for 1 per cent wants a side switched off.
 *
 * @param asked per cent, 0..100
 * @returns null where a side has no backends, so that no pair gives the share
 */
export function nearestPair(asked: number, ports: readonly PortShape[]): PlannedPair | null {
  const sums = ports.map((port) => ({ source: sumsByWeight(port.source), target: sumsByWeight(port.target) }));
  let best: PlannedPair | null = null;
  for (const source of weightsFor(asked, 'source')) {
    for (const target of weightsFor(asked, 'target')) {
      const missedBy = farthest(asked, sums, source, target);
      if (missedBy !== null && isBetter({ source, target }, missedBy, best)) {
        best = { weights: { source, target }, achieved: [], missedBy };
      }
    }
  }
  if (best === null) return null;
  const { weights } = best;
  return { ...best, achieved: sums.map((port) => achievedAt(port, weights.source, weights.target) ?? 0) };
}

/** The smallest share above 0 that any pair reaches on every port at once, in per cent; null without backends. */
export function smallestShare(ports: readonly PortShape[]): number | null {
  const sums = ports.map((port) => ({ source: sumsByWeight(port.source), target: sumsByWeight(port.target) }));
  const shares = sums.map((port) => achievedAt(port, 100, 1));
  return shares.some((share) => share === null || share === 0) ? null : Math.max(...(shares as number[]));
}

interface Sums {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

function weightsFor(asked: number, side: 'source' | 'target'): readonly number[] {
  const emptySide = asked === 0 ? 'target' : asked === 100 ? 'source' : null;
  if (emptySide === side) return [0];
  return Array.from({ length: 100 }, (_, index) => index + 1);
}

function sumsByWeight(sets: readonly BackendSet[]): readonly number[] {
  return Array.from({ length: 101 }, (_, weight) =>
    sets.reduce(
      (sum, { mode, backends }) => sum + backendWeights(weight, mode, backends).reduce((part, one) => part + one, 0),
      0,
    ),
  );
}

function achievedAt(sums: Sums, source: number, target: number): number | null {
  return shareOf(sums.source[source] ?? 0, sums.target[target] ?? 0);
}

function farthest(asked: number, ports: readonly Sums[], source: number, target: number): number | null {
  let missedBy = 0;
  for (const port of ports) {
    const achieved = achievedAt(port, source, target);
    const sideIsEmpty = (achieved === 0 && asked !== 0) || (achieved === 100 && asked !== 100);
    if (achieved === null || sideIsEmpty) return null;
    missedBy = Math.max(missedBy, Math.abs(achieved - asked));
  }
  return missedBy;
}

function isBetter(pair: WeightPair, missedBy: number, best: PlannedPair | null): boolean {
  if (best === null || missedBy < best.missedBy - 1e-9) return true;
  return missedBy < best.missedBy + 1e-9 && pair.source + pair.target > best.weights.source + best.weights.target;
}
