import type { MigrationRecord } from '../../domain/record.ts';
import type { Claimed, DueMigration, HistoryEntry, Holder, MigrationStore } from '../../ports/migration-store.ts';
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
} from './stored-record.ts';

/** What the memory store holds of one name. */
export interface StoredMigration {
  readonly revision: number;
  readonly text: string;
  readonly dueAtMs: number | null;
  readonly history: readonly string[];
}

/** What a memory store holds; two stores over the same contents are two processes over one database. */
export interface MemoryContents {
  readonly migrations: Map<string, StoredMigration>;
  readonly claims: Map<string, string>;
  readonly leases: Map<string, { readonly holder: string; readonly untilMs: number }>;
}

export function memoryContents(): MemoryContents {
  return { migrations: new Map(), claims: new Map(), leases: new Map() };
}

/**
 * The simulator's twin of the stores: every method does its work at once, within the call. Records go in and come out
 * as JSON text, so nothing is shared with the caller, and what JSON does not carry is lost here as it is in the others.
 */
export function memoryStore(options: {
  readonly now: () => number;
  readonly contents?: MemoryContents;
  /** How a record becomes its text: JSON.stringify, or what comes to the same. */
  readonly textOf?: (record: MigrationRecord) => string;
}): MigrationStore {
  const { migrations, claims: held, leases } = options.contents ?? memoryContents();
  const { textOf } = options;
  return {
    now: async () => options.now(),
    load: async (name) => loadFrom(migrations, name),
    commit: async (next, expected, history) =>
      commitTo(migrations, encodeRecord(next, expected, textOf), { next, expected, history }),
    due: async (withinMs, limit) => dueIn(migrations, options.now() + withinMs, limit),
    names: async (limit) => [...migrations.keys()].sort().slice(0, boundedRows(limit)),
    history: async (name, limit) => {
      checkName(name);
      const rows = boundedRows(limit, historyMax);
      const entries = rows === 0 ? [] : (migrations.get(name)?.history ?? []).slice(-rows);
      return entries.map((entry) => decodeEntry(name, entry));
    },
    claim: async (claims, holder) => take(held, claims, holder),
    release: async (claims, holder) => giveBack(held, claims, holder),
    lease: async (thing, holder, forMs) => {
      checkLease(thing, holder, forMs);
      const held = leases.get(thing);
      if (held !== undefined && held.holder !== holder && held.untilMs > options.now()) return false;
      leases.set(thing, { holder, untilMs: options.now() + forMs });
      return true;
    },
    endLease: async (thing, holder) => {
      checkLease(thing, holder, 1);
      if (leases.get(thing)?.holder === holder) leases.delete(thing);
    },
    close: async () => {},
  };
}

function loadFrom(migrations: ReadonlyMap<string, StoredMigration>, name: string): MigrationRecord | null {
  checkName(name);
  const stored = migrations.get(name);
  return stored ? decodeRecord(name, stored.revision, stored.text) : null;
}

function commitTo(
  migrations: Map<string, StoredMigration>,
  { text, dueAtMs }: EncodedRecord,
  commit: { readonly next: MigrationRecord; readonly expected: number; readonly history: readonly HistoryEntry[] },
): boolean {
  const { next, expected, history } = commit;
  const stored = migrations.get(next.name);
  if ((stored?.revision ?? 0) !== expected) return false;
  const entries = [...(stored?.history ?? []), ...history.map(encodeEntry)].slice(-historyMax);
  migrations.set(next.name, { revision: next.revision, text, dueAtMs, history: entries });
  return true;
}

function dueIn(
  migrations: ReadonlyMap<string, StoredMigration>,
  untilMs: number,
  limit: number,
): readonly DueMigration[] {
  return [...migrations]
    .flatMap(([name, { dueAtMs }]) => (dueAtMs !== null && dueAtMs <= untilMs ? [{ name, dueAtMs }] : []))
    .sort(byDueTime)
    .slice(0, boundedRows(limit));
}

/** Earliest first; names decide between equal times, so that each store gives the same order. */
export function byDueTime(one: DueMigration, other: DueMigration): number {
  return one.dueAtMs - other.dueAtMs || (one.name < other.name ? -1 : 1);
}

function take(held: Map<string, string>, claims: readonly string[], holder: Holder): Claimed | null {
  checkClaims(claims);
  const mine = encodeHolder(holder);
  const taken = claims.find((claim) => held.has(claim) && held.get(claim) !== mine);
  if (taken !== undefined) return { claim: taken, holder: decodeHolder(taken, held.get(taken) ?? '') };
  for (const claim of claims) held.set(claim, mine);
  return null;
}

function giveBack(held: Map<string, string>, claims: readonly string[], holder: Holder): void {
  checkClaims(claims);
  const mine = encodeHolder(holder);
  for (const claim of claims) if (held.get(claim) === mine) held.delete(claim);
}
