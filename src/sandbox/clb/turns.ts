import { clientHash } from './client-hash.ts';
import { backendKey, type ClbBackend, type SchedulerName } from './load-balancer.ts';
import { roundRobin } from './round-robin.ts';
import type { Scheduler } from './scheduler.ts';
import { weightedLeastConnections } from './weighted-least-connections.ts';
import { weightedRoundRobin } from './weighted-round-robin.ts';

/** Who serves next at one listener, with what that was made from: a scheduler is kept for as long as it holds. */
export interface Turns {
  readonly scheduler: Scheduler<ClbBackend>;
  readonly backends: readonly ClbBackend[];
  readonly name: SchedulerName;
}

/**
 * The turns of these backends. Where nothing changed that counts, the scheduler before goes on: a new description, or a
 * change at another listener, must not start a cycle anew.
 */
export function turnsOver(
  backends: readonly ClbBackend[],
  name: SchedulerName,
  connectionsOf: (backend: ClbBackend) => number,
  before: Turns | undefined,
): Turns {
  if (before !== undefined && before.name === name && isSame(before.backends, backends)) return before;
  return { scheduler: schedulerOver(backends, name, connectionsOf), backends, name };
}

function schedulerOver(
  backends: readonly ClbBackend[],
  name: SchedulerName,
  connectionsOf: (backend: ClbBackend) => number,
): Scheduler<ClbBackend> {
  const weightOf = ({ weight }: ClbBackend): number => weight;
  switch (name) {
    case 'wrr':
      return weightedRoundRobin(backends, weightOf);
    case 'rr':
      return roundRobin(backends);
    case 'wlc':
      return weightedLeastConnections(backends, weightOf, connectionsOf);
    case 'tch':
      return clientHash(backends, weightOf, backendKey, ({ address, port }) => `${address}:${port}`);
    // By the id of a QUIC connection, which nobody sends here: by the client's address, as `sch`.
    case 'qch':
    case 'sch':
      return clientHash(backends, weightOf, backendKey, ({ address }) => address);
    default:
      return name satisfies never;
  }
}

function isSame(before: readonly ClbBackend[], after: readonly ClbBackend[]): boolean {
  return (
    before.length === after.length &&
    before.every((one, index) => {
      const other = after[index];
      return other !== undefined && one.weight === other.weight && backendKey(one) === backendKey(other);
    })
  );
}
