import type { Scheduler } from './scheduler.ts';
import { entriesOf, type TurnEntry, takeTurn } from './weighted-round-robin.ts';

/**
 * `wlc`: whoever has the fewest open connections for its weight; those that are level take turns by weight. An item
 * that comes new has none, so everything goes to it until it has caught up (reference E1). Weights are positive.
 */
export function weightedLeastConnections<T>(
  items: readonly T[],
  weightOf: (item: T) => number,
  connectionsOf: (item: T) => number,
): Scheduler<T> {
  const entries = entriesOf(items, weightOf);
  const leastOf = (among: readonly TurnEntry<T>[]): readonly TurnEntry<T>[] => {
    const loads = among.map((entry) => connectionsOf(entry.item) / entry.weight);
    const least = Math.min(...loads);
    return among.filter((_, index) => loads[index] === least);
  };
  return {
    next: () => takeTurn(leastOf(entries)),
    insteadOf: (isRefused) => takeTurn(leastOf(entries.filter((entry) => !isRefused(entry.item)))),
  };
}
