import type { Scheduler } from './scheduler.ts';
import { weightedRoundRobin } from './weighted-round-robin.ts';

/**
 * `rr`: every item one turn, whatever its weight. That is why a listener that the cloud controller made, which is `rr`,
 * gives a target of weight 1 as much as its source of weight 100 (reference E1); weight 0 is left out before.
 */
export function roundRobin<T>(items: readonly T[]): Scheduler<T> {
  return weightedRoundRobin(items, () => 1);
}
