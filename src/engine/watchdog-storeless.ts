import { type Baseline, movedBy } from '../domain/baseline.ts';
import { ConflictError, FencedError, messageOf } from '../ports/errors.ts';
import type { KeptBaselines, KeptWay, WatchMark } from '../ports/kept-baselines.ts';
import type { Ports } from '../ports/ports.ts';
import { highestFence } from './fences.ts';
import { fenceJump } from './rescue.ts';
import { restore } from './restore.ts';
import { seal } from './seal.ts';

const paceMs = 1_000;
const waysMax = 1_000;

type StorelessPorts = Pick<Ports, 'clock' | 'router' | 'loadBalancer' | 'probe'> & { readonly kept: KeptBaselines };

/** What was done of one migration from its kept baseline. */
export interface Rescuing {
  readonly name: string;
  /**
   * `waiting`: the store is not lost for long enough, or what is kept has to be read anew; `resting`: it has arrived and
   * keeps its traffic.
   */
  readonly end: 'resting' | 'waiting' | 'restored' | 'underWay';
  readonly note: string;
}

/**
 * Works from the ConfigMaps while the store gives no answer (rule 9): notes since when on each of them, and after
 * `deadManAfter` restores it as a person's rescue does. No claim can be taken and no lease on a CLB, because both are the
 * store's: an engine is as blind as we are, and whoever wakes up finds a fence far above its own. Never throws.
 */
export async function rescueWithoutStore(
  ports: StorelessPorts,
  untilMs: number,
): Promise<{ readonly rescuing: readonly Rescuing[]; readonly problems: readonly string[] }> {
  try {
    const { ways, problems } = await ports.kept.list();
    const names = [...new Set(ways.slice(0, waysMax).map(({ name }) => name))];
    const placesOf = (name: string) => ways.filter((way) => way.name === name);
    const rescuing = await Promise.all(names.map((name) => rescueOne(ports, placesOf(name), untilMs)));
    return { rescuing, problems };
  } catch (error) {
    return { rescuing: [], problems: [messageOf(error)] };
  }
}

/** @param places where one baseline is kept, the newest first */
async function rescueOne(ports: StorelessPorts, places: readonly KeptWay[], untilMs: number): Promise<Rescuing> {
  const [{ name, baseline }] = places as readonly [KeptWay, ...KeptWay[]];
  const marks = places.filter((one) => one.baseline.run === baseline.run).map(({ mark }) => mark);
  if (marks.some(({ isResting }) => isResting)) return { name, end: 'resting', note: 'it has arrived' };
  const nowMs = ports.clock.now();
  const times = marks.flatMap(({ storeLostSinceMs }) => storeLostSinceMs ?? []);
  const sinceMs = times.length === 0 ? nowMs : Math.min(...times);
  const fences = marks.flatMap(({ fence }) => fence ?? []);
  const mark: WatchMark = {
    storeLostSinceMs: sinceMs,
    fence: fences.length === 0 ? null : Math.max(...fences),
    isResting: false,
  };
  const leftMs = sinceMs + baseline.patience.deadManMs - nowMs;
  const trouble: string[] = [];
  if (times.length === 0) await note(ports, places, mark, trouble);
  if (leftMs > 0) {
    return { name, end: 'waiting', note: [`rolled back in ${Math.ceil(leftMs / 1_000)} s`, ...trouble].join('; ') };
  }
  return bringBack(ports, places, mark, nowMs + leftMs, untilMs);
}

async function bringBack(
  ports: StorelessPorts,
  places: readonly KeptWay[],
  mark: WatchMark,
  beganMs: number,
  untilMs: number,
): Promise<Rescuing> {
  const [{ name, baseline }] = places as readonly [KeptWay, ...KeptWay[]];
  const trouble: string[] = [];
  let fence = mark.fence;
  let last = '';
  do {
    try {
      if (fence === null) {
        fence = fenceJump + (await highestFence(ports, movedBy(baseline)));
        // The next run goes on with the same one: a fence that grew with each minute would write each minute.
        const isCurrent = await note(ports, places, { ...mark, fence }, trouble);
        if (!isCurrent) return { name, end: 'waiting', note: trouble.join('; ') };
      }
      const round = await look(ports, baseline, fence, beganMs);
      if (round.isDone) return { name, end: 'restored', note: trouble.join('; ') };
      last = round.note;
    } catch (error) {
      last = messageOf(error);
      // Somebody rescues from elsewhere: what they wrote is the baseline as well, and we go on above them.
      if (error instanceof FencedError) fence = null;
    }
    await ports.clock.sleep(paceMs);
  } while (ports.clock.now() < untilMs);
  return { name, end: 'underWay', note: [last, ...trouble].join('; ') };
}

async function look(
  ports: StorelessPorts,
  baseline: Baseline,
  fence: number,
  beganMs: number,
): Promise<{ readonly isDone: boolean; readonly note: string }> {
  const exclusively = async (_loadBalancer: string, work: () => Promise<void>): Promise<boolean> => {
    await work();
    return true;
  };
  // The load balancer is brought back also where no object can be sealed.
  const sealing = await seal(ports.router, baseline, fence).catch((error: unknown) => {
    if (error instanceof FencedError) throw error;
    return false;
  });
  const atMs = ports.clock.now();
  const { state, note: restoring } = await restore(ports, {
    baseline,
    probes: [],
    fence,
    nudge: fence,
    atMs,
    forMs: atMs - beganMs,
    isForced: false,
    exclusively,
  });
  return { isDone: sealing && state === 'verified', note: restoring };
}

/**
 * On every place where it is kept; one that cannot be written is no reason to wait.
 *
 * @returns false where one was changed since it was listed: the store may be back, and the migration have gone on, while we
 *   stood still
 */
async function note(
  { kept }: StorelessPorts,
  places: readonly KeptWay[],
  mark: WatchMark,
  trouble: string[],
): Promise<boolean> {
  let isCurrent = true;
  for (const place of places) {
    try {
      await kept.mark(place, mark);
    } catch (error) {
      trouble.push(messageOf(error));
      if (error instanceof ConflictError) isCurrent = false;
    }
  }
  return isCurrent;
}
