/** Turn by turn over a fixed set of items, each as often in a cycle as its weight says. */
export interface Rotation<T> {
  /** The next in turn, or null where there is none. */
  next(): T | null;
  /** Another one, where the one in turn could not be reached: takes no turn, so the split of the others stays exact. */
  insteadOf(isRefused: (item: T) => boolean): T | null;
}

/**
 * Smooth weighted round robin, as nginx and the CLB's Tengine do it: every turn each item gains its weight, the
 * richest is chosen and pays the sum. Over a full cycle the split is exact, and one item's turns are spread out.
 * Weights are positive integers.
 */
export function weightedRoundRobin<T>(items: readonly T[], weightOf: (item: T) => number): Rotation<T> {
  const entries = items.map((item) => ({ item, weight: weightOf(item), credit: 0 }));
  const total = entries.reduce((sum, entry) => sum + entry.weight, 0);
  return {
    next: () => {
      let best: (typeof entries)[number] | null = null;
      for (const entry of entries) {
        entry.credit += entry.weight;
        if (best === null || entry.credit > best.credit) best = entry;
      }
      if (best === null) return null;
      best.credit -= total;
      return best.item;
    },
    insteadOf: (isRefused) => {
      const others = entries.filter((entry) => !isRefused(entry.item));
      return others.reduce<(typeof entries)[number] | null>(richer, null)?.item ?? null;
    },
  };
}

function richer<E extends { readonly credit: number; readonly weight: number }>(best: E | null, entry: E): E {
  return best === null || entry.credit + entry.weight > best.credit + best.weight ? entry : best;
}
