import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import {
  InvalidInputError,
  messageOf,
  TerminalError,
  TransientError,
  UnreadableRecordError,
} from '../../ports/errors.ts';

/** What stands beside a record, so that a commit compares revisions without parsing the record. */
export interface Head {
  readonly revision: number;
  readonly dueAtMs: number | null;
}

/** One open LMDB environment. Work on it only within one turn of the event loop (see `LmdbFolder.use`). */
export interface Environment {
  readonly root: RootDatabase;
  /** name -> revision and due time. */
  readonly heads: Database<Head, string>;
  /** name -> the record's JSON. */
  readonly records: Database<string, string>;
  /** [due time, name]. */
  readonly due: Database<true, [number, string]>;
  /** [name, number] -> one entry's JSON. */
  readonly history: Database<string, [string, number]>;
  /** claim -> the holder's JSON. */
  readonly claims: Database<string, string>;
  /** thing -> who has the lease on it, until when. */
  readonly leases: Database<{ readonly holder: string; readonly untilMs: number }, string>;
  /**
   * [name, begin of the interval, side, instance, load balancer where the sample says it] -> [length, requests, errors], then
   * connections, direct and slow, null where the sample does not say them. Older ones end before these.
   */
  readonly signals: Database<
    [number, number, number, (number | null)?, (number | null)?, (number | null)?],
    [string, number, string, string, ...string[]]
  >;
  /** name -> reports of alerts, each one's JSON. */
  readonly alerts: Database<readonly string[], string>;
}

/** A folder as one user of it sees it; all users in this process share one environment. */
export interface LmdbFolder {
  /**
   * Does work on the environment, opening it first where nobody has. The work is synchronous by type: a transaction that
   * stays open across an await would block every other process for as long as this one is frozen.
   * @throws TransientError for what LMDB or the file system say; errors of ours pass as they are
   */
  use<Answer>(what: string, work: (environment: Environment) => NotPromise<Answer>): Promise<Answer>;
  /** Gives the folder back; the last user closes the environment. */
  close(): Promise<void>;
}

type NotPromise<Answer> = Answer extends Promise<unknown> ? never : Answer;

interface Shared {
  users: number;
  readonly opened: Promise<Environment>;
}

// LMDB allows one environment a file and process: a second one would release the first one's locks when it closes.
const shared = new Map<string, Shared>();
const closing = new Map<string, Promise<void>>();

/** A user of the folder, which is made when it is missing. A local disk only: LMDB shares memory between processes. */
export function lmdbFolder(folder: string): LmdbFolder {
  const path = resolve(folder);
  let mine: Shared | null = null;
  let isClosed = false;
  return {
    use: async (what, work) => {
      if (isClosed) throw new TerminalError(`lmdb: ${what}: the store is closed`);
      try {
        mine ??= join(path);
        const joined = mine;
        const environment = await joined.opened.catch((error: unknown) => {
          if (mine === joined) mine = null;
          throw error;
        });
        return work(environment) as never;
      } catch (error) {
        if (isOurs(error)) throw error;
        throw new TransientError(`lmdb: ${what}: ${messageOf(error).slice(0, 300)}`, { cause: error });
      }
    },
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      if (mine !== null) await leave(path, mine);
    },
  };
}

function join(path: string): Shared {
  const known = shared.get(path);
  if (known !== undefined) {
    known.users += 1;
    return known;
  }
  const opened = (closing.get(path) ?? Promise.resolve()).then(() => open(path));
  const made: Shared = { users: 1, opened };
  shared.set(path, made);
  // The next use tries again.
  opened.catch(() => shared.get(path) === made && shared.delete(path));
  return made;
}

async function leave(path: string, mine: Shared): Promise<void> {
  mine.users -= 1;
  if (mine.users > 0) return;
  if (shared.get(path) === mine) shared.delete(path);
  // What could not be opened has told so to who used it, and needs no closing.
  const done = mine.opened.then(
    ({ root }) => root.close(),
    () => undefined,
  );
  closing.set(path, done);
  await done;
  if (closing.get(path) === done) closing.delete(path);
}

async function open(path: string): Promise<Environment> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const lmdb = await import('lmdb');
  const root = lmdb.open({ path, noSubdir: false, encoding: 'json' });
  return {
    root,
    heads: root.openDB({ name: 'heads', encoding: 'json' }),
    records: root.openDB({ name: 'records', encoding: 'string' }),
    due: root.openDB({ name: 'due', encoding: 'json' }),
    history: root.openDB({ name: 'history', encoding: 'string' }),
    claims: root.openDB({ name: 'claims', encoding: 'string' }),
    leases: root.openDB({ name: 'leases', encoding: 'json' }),
    signals: root.openDB({ name: 'signals', encoding: 'json' }),
    alerts: root.openDB({ name: 'alerts', encoding: 'json' }),
  };
}

function isOurs(error: unknown): boolean {
  return [TerminalError, InvalidInputError, TransientError, UnreadableRecordError].some(
    (kind) => error instanceof kind,
  );
}
