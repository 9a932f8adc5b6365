import type { MigrationRecord } from '../domain/record.ts';

/** One line of a migration's history, for people. */
export interface HistoryEntry {
  readonly run: string;
  readonly revision: number;
  readonly atMs: number;
  /** A kind of notice (`step.verified`), or `command` for what a person asked. */
  readonly kind: string;
  readonly text: string;
  /** Who, where a person or schedule did it. */
  readonly actor: string | null;
}

/** What a listing needs to say, without loading every record. */
export interface DueMigration {
  readonly name: string;
  readonly dueAtMs: number;
}

/** Holds records, their due index, their history and the claims. Every method may throw TransientError. */
export interface MigrationStore {
  /** The store's clock, ms since the epoch: the only time that processes compare. */
  now(): Promise<number>;
  /** @throws UnreadableRecordError */
  load(name: string): Promise<MigrationRecord | null>;
  /**
   * Makes `next` the record if its revision is still `expectedRevision` (0: no record yet), and adds `history` with it:
   * both or nothing. Indexes the record as due at the earliest of its timers and commands. False: someone was first.
   */
  commit(next: MigrationRecord, expectedRevision: number, history: readonly HistoryEntry[]): Promise<boolean>;
  /** Records with work due within the next `withinMs` by the store's clock, earliest first, at most `limit`. */
  due(withinMs: number, limit: number): Promise<readonly DueMigration[]>;
  /** Every name with a record, at most `limit`, in the order of their names. */
  names(limit: number): Promise<readonly string[]>;
  /** The newest `limit` entries, oldest first; at most 500 a name are kept. */
  history(name: string, limit: number): Promise<readonly HistoryEntry[]>;
  /**
   * Takes all claims for a run, or none: null when taken (again by the same holder is fine), else the first claim that
   * somebody else holds.
   */
  claim(claims: readonly string[], holder: Holder): Promise<Claimed | null>;
  /** Gives back what the holder holds; claims of others stay. */
  release(claims: readonly string[], holder: Holder): Promise<void>;
  /**
   * Takes or renews the lease on a thing for `forMs`: true while this holder has it, false where another does. Never waits.
   * A holder is one attempt at one command (its id and revision), not a migration.
   */
  lease(thing: string, holder: string, forMs: number): Promise<boolean>;
  /** Gives a lease back before its time; of another holder it stays. */
  endLease(thing: string, holder: string): Promise<void>;
  close(): Promise<void>;
}

export interface Holder {
  readonly name: string;
  readonly run: string;
}

export interface Claimed {
  readonly claim: string;
  readonly holder: Holder;
}
