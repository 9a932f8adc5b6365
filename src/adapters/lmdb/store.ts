import type { MigrationRecord } from '../../domain/record.ts';
import type { Claimed, DueMigration, HistoryEntry, Holder, MigrationStore } from '../../ports/migration-store.ts';
import { type ClockScale, realTime, scaledMs } from '../memory/clock-scale.ts';
import {
  boundedRows,
  checkClaims,
  checkLease,
  checkName,
  decodeEntry,
  decodeHolder,
  decodeRecord,
  type EncodedRecord,
  encodeEntry,
  encodeHolder,
  encodeRecord,
  historyMax,
} from '../memory/stored-record.ts';
import { type Environment, lmdbFolder } from './environment.ts';

export interface LmdbOptions {
  /** Only in a sandbox that compresses time. */
  readonly clockScale?: ClockScale;
}

/** Greater than every name, in the order of keys. */
const pastAllNames = '\uffff';

/**
 * Migrations in a folder on a local disk, for any number of processes of one machine; its clock is the machine's.
 * A commit that was acknowledged is on the disk: transactions are synchronous and flushed before they return.
 */
export function lmdbStore(folder: string, options: LmdbOptions = {}): MigrationStore {
  const store = lmdbFolder(folder);
  const nowMs = () => scaledMs(Date.now(), options.clockScale ?? realTime);
  return {
    now: async () => nowMs(),
    load: async (name) => {
      checkName(name);
      return store.use(`load "${name}"`, (environment) => load(environment, name));
    },
    commit: async (next, expectedRevision, history) => {
      const encoded = encodeRecord(next, expectedRevision);
      const entries = history.slice(-historyMax).map(encodeEntry);
      return store.use(`commit "${next.name}"`, (environment) =>
        environment.root.transactionSync(() => commit(environment, next, expectedRevision, encoded, entries)),
      );
    },
    due: (withinMs, limit) =>
      store.use('list what is due', ({ due }) => {
        const keys = due.getKeys({ end: [nowMs() + withinMs, pastAllNames], limit: boundedRows(limit) });
        return [...keys].map(([dueAtMs, name]): DueMigration => ({ name, dueAtMs }));
      }),
    names: (limit) => store.use('list the names', ({ heads }) => [...heads.getKeys({ limit: boundedRows(limit) })]),
    history: async (name, limit) => {
      checkName(name);
      return store.use(`history of "${name}"`, (environment) =>
        newestHistory(environment, name, boundedRows(limit, historyMax)),
      );
    },
    claim: async (claims, holder) => {
      checkClaims(claims);
      return store.use('take claims', (environment) =>
        environment.root.transactionSync(() => take(environment, claims, holder)),
      );
    },
    release: async (claims, holder) => {
      checkClaims(claims);
      await store.use('release claims', (environment) =>
        environment.root.transactionSync(() => giveBack(environment, claims, holder)),
      );
    },
    lease: async (thing, holder, forMs) => {
      checkLease(thing, holder, forMs);
      return store.use('take a lease', ({ root, leases }) =>
        root.transactionSync(() => {
          const held = leases.get(thing);
          if (held !== undefined && held.holder !== holder && held.untilMs > nowMs()) return false;
          leases.putSync(thing, { holder, untilMs: nowMs() + forMs });
          return true;
        }),
      );
    },
    endLease: async (thing, holder) => {
      checkLease(thing, holder, 1);
      await store.use('end a lease', ({ root, leases }) =>
        root.transactionSync(() => {
          if (leases.get(thing)?.holder === holder) leases.removeSync(thing);
          return true;
        }),
      );
    },
    close: () => store.close(),
  };
}

function load({ heads, records }: Environment, name: string): MigrationRecord | null {
  const head = heads.get(name);
  const text = records.get(name);
  if (head === undefined && text === undefined) return null;
  return decodeRecord(name, head?.revision ?? null, text ?? null);
}

function commit(
  environment: Environment,
  next: MigrationRecord,
  expectedRevision: number,
  { text, dueAtMs }: EncodedRecord,
  entries: readonly string[],
): boolean {
  const { heads, records, due, history } = environment;
  const head = heads.get(next.name);
  if ((head?.revision ?? 0) !== expectedRevision) return false;
  if (head === undefined && records.doesExist(next.name)) return false;
  heads.putSync(next.name, { revision: next.revision, dueAtMs });
  records.putSync(next.name, text);
  if (head !== undefined && head.dueAtMs !== null) due.removeSync([head.dueAtMs, next.name]);
  if (dueAtMs !== null) due.putSync([dueAtMs, next.name], true);
  const last = lastEntry(environment, next.name);
  for (const [index, entry] of entries.entries()) history.putSync([next.name, last + 1 + index], entry);
  const keptFrom = last + entries.length - historyMax + 1;
  for (const key of [...history.getKeys({ start: [next.name, 0], end: [next.name, keptFrom] })]) {
    history.removeSync(key);
  }
  return true;
}

function lastEntry({ history }: Environment, name: string): number {
  const range = { start: [name, Number.MAX_SAFE_INTEGER], end: [name, 0], reverse: true, limit: 1 };
  return [...history.getKeys(range)][0]?.[1] ?? 0;
}

function newestHistory({ history }: Environment, name: string, limit: number): readonly HistoryEntry[] {
  const range = { start: [name, Number.MAX_SAFE_INTEGER], end: [name, 0], reverse: true, limit };
  const newestFirst = [...history.getRange(range)].map(({ value }) => decodeEntry(name, value));
  return newestFirst.reverse();
}

function take({ claims: held }: Environment, claims: readonly string[], holder: Holder): Claimed | null {
  const mine = encodeHolder(holder);
  for (const claim of claims) {
    const by = held.get(claim);
    if (by !== undefined && by !== mine) return { claim, holder: decodeHolder(claim, by) };
  }
  for (const claim of claims) held.putSync(claim, mine);
  return null;
}

function giveBack({ claims: held }: Environment, claims: readonly string[], holder: Holder): void {
  const mine = encodeHolder(holder);
  for (const claim of claims) if (held.get(claim) === mine) held.removeSync(claim);
}
