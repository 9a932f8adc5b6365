import type { MigrationRecord } from '../domain/record.ts';
import { messageOf, TransientError } from '../ports/errors.ts';
import type { KeptBaselines } from '../ports/kept-baselines.ts';
import { claimRecord } from './watchdog-claim.ts';
import { type Marks, readMarks } from './watchdog-marks.ts';
import { type RollbackPorts, type RolledBack, rollBackClaimed } from './watchdog-rollback.ts';
import { type Rescuing, rescueWithoutStore } from './watchdog-storeless.ts';

/** Every migration that is not final wants to be looked at some time: this is further off than any of them may wait. */
const horizonMs = 366 * 86_400_000;
const migrationsMax = 5_000;
const atOnceMax = 50;
/** A store that is away for a moment is not lost. */
const storeTriesMax = 3;
/** A store that lets one wait must leave time for what is done without it. */
const storeWithinMs = 15_000;
const storeAgainMs = 2_000;

export type WatchdogPorts = RollbackPorts & { readonly kept: KeptBaselines };

export interface Watched {
  /** Migrations that this run took to bring back. */
  readonly rolledBack: readonly RolledBack[];
  /** What was done from the kept baselines, because the store gave no answer; null while it does. */
  readonly withoutStore: readonly Rescuing[] | null;
  /** What could not be looked at, and why, in words. */
  readonly problems: readonly string[];
}

/**
 * One run of the dead man's switch (rule 9): takes every migration that nobody cares for any more and brings its traffic
 * back, until that is verified or `untilMs` (this machine's clock) is near. Needs neither the machine nor an engine.
 */
export async function watchOver(ports: WatchdogPorts, untilMs: number): Promise<Watched> {
  const due = await askStore(ports);
  if (typeof due === 'string') {
    const { rescuing, problems } = await rescueWithoutStore(ports, untilMs);
    return { rolledBack: [], withoutStore: rescuing, problems: [due, ...problems] };
  }
  const { names, overdue } = due;
  // Where nothing is under way, the clusters are not asked.
  const marking = names.length === 0 ? Promise.resolve(noMarks) : readMarks(ports);
  const run: Run = { ports, untilMs, marking, rolledBack: [], problems: [] };
  await Promise.all([
    // Clusters that give no answer must not hold up what can be done at the load balancer.
    eachAtOnce(overdue, (name) => bringBack(run, name)),
    marking.then(({ found }) =>
      eachAtOnce(
        [...found.keys()].filter((name) => !overdue.includes(name)),
        (name) => bringBack(run, name),
      ),
    ),
  ]);
  const problems = [...(await marking).problems, ...run.problems];
  return { rolledBack: run.rolledBack, withoutStore: null, problems };
}

interface Run {
  readonly ports: WatchdogPorts;
  readonly untilMs: number;
  readonly marking: Promise<Marks>;
  readonly rolledBack: RolledBack[];
  readonly problems: string[];
}

const noMarks: Marks = { found: new Map(), problems: [], clear: () => Promise.resolve() };

async function bringBack({ ports, untilMs, marking, rolledBack, problems }: Run, name: string): Promise<void> {
  const tell = (error: unknown): void => {
    problems.push(`${name}: ${messageOf(error)}`);
  };
  try {
    const claimed = (await claimRecord(ports, name, null)) ?? (await claimFound(ports, name, await marking));
    if (claimed === null) return;
    const clearing = marking.then((marks) => marks.clear(name)).catch(tell);
    rolledBack.push(await rollBackClaimed(ports, claimed, untilMs));
    await clearing;
  } catch (error) {
    // A record that cannot be read is left as it is, and does not keep the others from being brought back.
    tell(error);
  }
}

async function claimFound(ports: WatchdogPorts, name: string, { found }: Marks): Promise<MigrationRecord | null> {
  const one = found.get(name);
  return one === undefined ? null : claimRecord(ports, name, one);
}

interface Due {
  /** Names of all migrations that have anything under way. */
  readonly names: readonly string[];
  /** Those whose work waits: an engine at work leaves none for long. */
  readonly overdue: readonly string[];
}

/** What is due, or why the store cannot be asked. */
async function askStore({ store, clock }: Pick<WatchdogPorts, 'store' | 'clock'>): Promise<Due | string> {
  const beganMs = clock.now();
  for (let attempt = 1; ; attempt++) {
    try {
      const [due, nowMs] = await Promise.all([store.due(horizonMs, migrationsMax), store.now()]);
      const overdue = due.filter(({ dueAtMs }) => dueAtMs <= nowMs);
      return { names: due.map(({ name }) => name), overdue: overdue.map(({ name }) => name) };
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const isOver = attempt >= storeTriesMax || clock.now() - beganMs >= storeWithinMs;
      if (isOver) return `the store gives no answer: ${messageOf(error)}`;
      await clock.sleep(storeAgainMs);
    }
  }
}

async function eachAtOnce(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const waiting = [...names];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, names.length) }, worker));
}
