import type { MigrationRecord } from '../domain/record.ts';
import { messageOf } from '../ports/errors.ts';
import { type KeptBaselines, type KeptWay, noMark, type WatchMark } from '../ports/kept-baselines.ts';
import type { Ports } from '../ports/ports.ts';
import { isArrived, rescuableOf } from './rescue-record.ts';
import type { Found } from './watchdog-claim.ts';

export interface Marks {
  /** Migrations that were brought back while the store was lost, and whose record does not know it yet. */
  readonly found: ReadonlyMap<string, Found>;
  readonly problems: readonly string[];
  /** Takes the marks of one of those away. Throws as KeptBaselines. */
  clear(name: string): Promise<void>;
}

type MarkPorts = Pick<Ports, 'store'> & { readonly kept: KeptBaselines };

/**
 * Brings the marks on the kept baselines in line with a store that answers. Only of records of this store: another
 * installation's migration may be kept in the same cluster, and its store may be lost indeed. Never throws.
 */
export async function readMarks({ store, kept }: MarkPorts): Promise<Marks> {
  const found = new Map<string, Found>();
  const rescued: KeptWay[] = [];
  const problems: string[] = [];
  try {
    const listed = await kept.list();
    problems.push(...listed.problems);
    for (const way of listed.ways) {
      const record = await store.load(way.name);
      if (record === null || record.run !== way.baseline.run || record.isFinal) continue;
      const { fence } = way.mark;
      if (fence !== null && rescuableOf(record, true) !== null) {
        found.set(way.name, { fence, reason: 'the store was lost: the watchdog took over' });
        rescued.push(way);
        continue;
      }
      const wanted = markOf(record);
      if (!isSame(way.mark, wanted)) await kept.mark(way, wanted);
    }
  } catch (error) {
    // The records are looked at whatever the clusters say; the marks are for the next minute.
    problems.push(`the marks on the kept baselines: ${messageOf(error)}`);
  }
  const clear = async (name: string): Promise<void> => {
    for (const way of rescued) if (way.name === name) await kept.mark(way, noMark);
  };
  return { found, problems, clear };
}

function markOf(record: MigrationRecord): WatchMark {
  return { ...noMark, isResting: isArrived(record) };
}

function isSame(one: WatchMark, other: WatchMark): boolean {
  return (
    one.storeLostSinceMs === other.storeLostSinceMs && one.fence === other.fence && one.isResting === other.isResting
  );
}
