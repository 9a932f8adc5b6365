import type { Ports } from '../ports/ports.ts';

/** Longer than the writes of one look with their time-outs: the lease must outlast the call (rule 6). */
const leaseMs = 60_000;

/**
 * Does the work while the holder has the lease on the thing; false, and nothing done, where somebody else has it. The
 * holder is one attempt: an older one that wakes up late finds another's lease, or takes one that nobody needs.
 */
export async function exclusively(
  { store }: Pick<Ports, 'store'>,
  thing: string,
  holder: string,
  work: () => Promise<void>,
): Promise<boolean> {
  if (!(await store.lease(thing, holder, leaseMs))) return false;
  try {
    await work();
  } finally {
    await store.endLease(thing, holder);
  }
  return true;
}
