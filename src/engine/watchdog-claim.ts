import type { MigrationRecord, RescueClaim } from '../domain/record.ts';
import type { HistoryEntry } from '../ports/migration-store.ts';
import type { Ports } from '../ports/ports.ts';
import { inWords, isAbandoned, rescuableOf } from './rescue-record.ts';

/** Why the watchdog takes a record although its engine may be alive: what it did without the store. */
export interface Found {
  readonly reason: string;
  /** The fence that was written without the store; the record goes on above it. */
  readonly fence: number;
}

/**
 * Takes the record by compare-and-set, where nobody has cared for it for too long, or something was found done to its
 * objects. The machine's snapshot stays as it is. Null: it needs no rescue, or somebody was faster.
 * @throws TransientError, UnreadableRecordError
 */
export async function claimRecord(
  { store }: Pick<Ports, 'store'>,
  name: string,
  found: Found | null,
): Promise<MigrationRecord | null> {
  const [record, atMs] = await Promise.all([store.load(name), store.now()]);
  const rescuable = record === null ? null : rescuableOf(record, found !== null);
  if (record === null || rescuable === null) return null;
  if (found === null && !isAbandoned(record, rescuable, atMs)) return null;
  const silence = inWords(rescuable.baseline.patience.deadManMs);
  const reason = found?.reason ?? record.rescue?.reason ?? `no heartbeat for ${silence}: the watchdog took over`;
  const rescue: RescueClaim = {
    atMs: record.rescue?.atMs ?? atMs,
    reason,
    phase: 'restoring',
    told: record.rescue?.told ?? [],
  };
  const isAgain = record.rescue?.phase === 'restoring' || record.rescue?.phase === 'left';
  return commitRescue({ store }, record, rescue, atMs, {
    line: isAgain ? null : { kind: 'watchdog.claimed', text: reason },
    revisionMin: (found?.fence ?? 0) + 1,
  });
}

interface RescueCommit {
  readonly line: { readonly kind: string; readonly text: string } | null;
  readonly revisionMin: number;
}

/** One commit of the watchdog, a heartbeat with it. Null where the record has changed since: then it is somebody else's. */
export async function commitRescue(
  { store }: Pick<Ports, 'store'>,
  record: MigrationRecord,
  rescue: RescueClaim,
  atMs: number,
  { line, revisionMin }: RescueCommit,
): Promise<MigrationRecord | null> {
  const revision = Math.max(record.revision + 1, revisionMin);
  const next: MigrationRecord = { ...record, revision, updatedAtMs: atMs, rescue };
  const { run } = record;
  const history: readonly HistoryEntry[] =
    line === null ? [] : [{ run, revision, atMs, kind: line.kind, text: line.text, actor: 'watchdog' }];
  return (await store.commit(next, record.revision, history)) ? next : null;
}
