import { backendKey, type ClbBackend, type LoadBalancer, type SchedulerName } from './load-balancer.ts';
import { type Rotation, weightedRoundRobin } from './weighted-round-robin.ts';

/** Whose turn it is at one listener, with what that was made from: a rotation is kept for as long as it holds. */
export interface Turns {
  readonly rotation: Rotation<ClbBackend>;
  readonly backends: readonly ClbBackend[];
  readonly scheduler: SchedulerName;
  readonly madeFrom: LoadBalancer;
  readonly healthVersion: number;
}

/**
 * The turns of these backends. Where nothing changed that counts, the rotation before goes on: a new description, or a
 * change at another listener, must not start a cycle anew. `rr` gives every backend one turn; the schedulers that go by
 * connections or by client are spread by weight here.
 */
export function turnsOver(
  backends: readonly ClbBackend[],
  scheduler: SchedulerName,
  before: Turns | undefined,
): Pick<Turns, 'rotation' | 'backends' | 'scheduler'> {
  if (before !== undefined && before.scheduler === scheduler && isSame(before.backends, backends)) return before;
  const rotation = weightedRoundRobin(backends, ({ weight }) => (scheduler === 'rr' ? 1 : weight));
  return { rotation, backends, scheduler };
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
