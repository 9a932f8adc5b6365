import type { AchievedShare } from '../domain/agreement.ts';
import { movedBy } from '../domain/baseline.ts';
import { ConflictError, messageOf, NotFoundError, TerminalError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { highestFence } from './fences.ts';
import { restore } from './restore.ts';
import { seal } from './seal.ts';

/** So far above the fences found that no engine at work reaches it: it meets the fence and holds (rule 6). */
export const fenceJump = 1_000;
const pollMs = 1_000;

export interface Rescued {
  readonly isVerified: boolean;
  readonly note: string;
  readonly achieved: readonly AchievedShare[];
}

export interface RescueOptions {
  readonly forMsMax: number;
  readonly isForced: boolean;
  readonly onProgress: (note: string) => void;
}

/**
 * Puts the baseline back from the ConfigMap beside the source Service: no store, no functions, no server (rule 9).
 * @throws NotFoundError where no baseline is kept for the name, TerminalError where a right is missing
 */
export async function rescue(
  ports: Pick<Ports, 'clock' | 'router' | 'loadBalancer' | 'probe'>,
  name: string,
  { forMsMax, isForced, onProgress }: RescueOptions,
): Promise<Rescued> {
  const baseline = await ports.router.readBaseline(name);
  if (baseline === null) throw new NotFoundError(`no baseline is kept for ${name} in the clusters given`);
  const fence = fenceJump + (await highestFence(ports, movedBy(baseline)));
  const beganMs = ports.clock.now();
  let last: Rescued = { isVerified: false, note: '', achieved: [] };
  for (let forMs = 0; forMs <= forMsMax; forMs = ports.clock.now() - beganMs) {
    last = await attempt(ports, {
      baseline,
      probes: [],
      fence,
      nudge: fence,
      atMs: beganMs + forMs,
      forMs,
      isForced,
      // One person at one laptop; an engine at work meets the fence.
      exclusively: async (_loadBalancer, work) => {
        await work();
        return true;
      },
    });
    if (last.isVerified) return last;
    onProgress(last.note);
    await ports.clock.sleep(pollMs);
  }
  return last;
}

async function attempt(
  ports: Pick<Ports, 'router' | 'loadBalancer' | 'probe'>,
  restoring: Parameters<typeof restore>[1],
): Promise<Rescued> {
  try {
    const { state, note, achieved } = await restore(ports, restoring);
    const isVerified = state === 'verified' && (await seal(ports.router, restoring.baseline, restoring.fence));
    return { isVerified, note: note || 'the fence to be on every object', achieved };
  } catch (error) {
    if (error instanceof TerminalError && !(error instanceof ConflictError)) throw error;
    return { isVerified: false, note: messageOf(error), achieved: [] };
  }
}
