import type { Scheduler } from './scheduler.ts';

/** An item that takes turns, and how many it is owed, in units of the sum of all weights. */
export interface TurnEntry<T> {
  readonly item: T;
  readonly weight: number;
  credit: number;
}

/**
 * Smooth weighted round robin, as nginx and the CLB's Tengine do it: every turn each item gains its weight, the
 * richest is chosen and pays the sum. Over a full cycle the split is exact, and one item's turns are spread out.
 * Weights are positive integers.
 */
export function weightedRoundRobin<T>(items: readonly T[], weightOf: (item: T) => number): Scheduler<T> {
  const entries = entriesOf(items, weightOf);
  return {
    next: () => takeTurn(entries),
    // Takes no turn, so the split of the others stays exact.
    insteadOf: (isRefused) => {
      const others = entries.filter((entry) => !isRefused(entry.item));
      return others.reduce<TurnEntry<T> | null>(richer, null)?.item ?? null;
    },
  };
}

export function entriesOf<T>(items: readonly T[], weightOf: (item: T) => number): readonly TurnEntry<T>[] {
  return items.map((item) => ({ item, weight: weightOf(item), credit: 0 }));
}

/** One turn among these entries; the others keep what they are owed. */
export function takeTurn<T>(entries: readonly TurnEntry<T>[]): T | null {
  let best: TurnEntry<T> | null = null;
  let total = 0;
  for (const entry of entries) {
    entry.credit += entry.weight;
    total += entry.weight;
    if (best === null || entry.credit > best.credit) best = entry;
  }
  if (best === null) return null;
  best.credit -= total;
  return best.item;
}

function richer<T>(best: TurnEntry<T> | null, entry: TurnEntry<T>): TurnEntry<T> {
  return best === null || entry.credit + entry.weight > best.credit + best.weight ? entry : best;
}
