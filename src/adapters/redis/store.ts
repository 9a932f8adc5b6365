import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { MigrationRecord } from '../../domain/record.ts';
import { TransientError } from '../../ports/errors.ts';
import type { DueMigration, HistoryEntry, Holder, MigrationStore } from '../../ports/migration-store.ts';
import { type ClockScale, realTime, scaledMs } from '../memory/clock-scale.ts';
import { byDueTime } from '../memory/store.ts';
import {
  boundedRows,
  checkClaims,
  checkLease,
  decodeEntry,
  decodeHolder,
  decodeRecord,
  encodeEntry,
  encodeHolder,
  encodeRecord,
  historyMax,
} from '../memory/stored-record.ts';
import { type RedisCalls, redisCalls } from './calls.ts';
import { type RedisKeys, redisKeys } from './keys.ts';
import { claimScript, commitScript, endLeaseScript, leaseScript, releaseScript, timeScript } from './scripts.ts';

export interface RedisStoreOptions {
  /** Into how many hash tags the names are spread; must stay the same for the life of the data. Default 1. */
  readonly shards?: number;
  /** What every key begins with. Default `sluice`. */
  readonly prefix?: string;
  /** Only in a sandbox that compresses time. */
  readonly clockScale?: ClockScale;
}

interface Shelf {
  readonly redis: Redis;
  readonly calls: RedisCalls;
  readonly keys: RedisKeys;
}

/**
 * Migrations in Redis 6 or later, one server or a cluster behind one endpoint; keys and durability: docs/redis.md.
 * `close` ends the client, also for the signals that share it.
 */
export function redisStore(redis: Redis, options: RedisStoreOptions = {}): MigrationStore {
  const shelf: Shelf = { redis, calls: redisCalls(redis), keys: redisKeys(options) };
  const now = () => timeOf(shelf, options.clockScale ?? realTime);
  return {
    now,
    load: (name) => load(shelf, name),
    commit: (next, expected, history) => commit(shelf, next, expected, history),
    due: async (withinMs, limit) => dueUntil(shelf, (await now()) + withinMs, boundedRows(limit)),
    names: (limit) => namesOf(shelf, boundedRows(limit)),
    history: (name, limit) => historyOf(shelf, name, boundedRows(limit, historyMax)),
    claim: (claims, holder) => claim(shelf, claims, holder),
    release: async (claims, holder) => {
      checkClaims(claims);
      if (claims.length === 0) return;
      await shelf.calls.run('release claims', releaseScript, [shelf.keys.claims], [encodeHolder(holder), ...claims]);
    },
    lease: async (thing, holder, forMs) => {
      checkLease(thing, holder, forMs);
      const wallMs = Math.max(1, Math.ceil(forMs / (options.clockScale?.speed ?? 1)));
      return (await shelf.calls.run('take a lease', leaseScript, [shelf.keys.lease(thing)], [holder, wallMs])) === 1;
    },
    endLease: async (thing, holder) => {
      checkLease(thing, holder, 1);
      await shelf.calls.run('end a lease', endLeaseScript, [shelf.keys.lease(thing)], [holder]);
    },
    close: () => shelf.calls.close(),
  };
}

async function timeOf({ calls, keys }: Shelf, scale: ClockScale): Promise<number> {
  const answer = await calls.run('ask the time', timeScript, [keys.due(0)], []);
  const [seconds, micros] = Array.isArray(answer) ? answer.map(Number) : [];
  if (seconds === undefined || micros === undefined) throw new TransientError('redis: ask the time: no time came back');
  return scaledMs(seconds * 1000 + Math.floor(micros / 1000), scale);
}

async function load({ redis, calls, keys }: Shelf, name: string): Promise<MigrationRecord | null> {
  const key = keys.record(name);
  const [revision, text] = await calls.call(`load "${name}"`, () => redis.hmget(key, 'revision', 'record'));
  if (revision == null && text == null) return null;
  return decodeRecord(name, revision == null ? null : Number(revision), text ?? null);
}

async function commit(
  { calls, keys }: Shelf,
  next: MigrationRecord,
  expectedRevision: number,
  history: readonly HistoryEntry[],
): Promise<boolean> {
  const { text, dueAtMs } = encodeRecord(next, expectedRevision);
  const shard = keys.shardOf(next.name);
  const answer = await calls.run(
    `commit "${next.name}"`,
    commitScript,
    [keys.record(next.name), keys.due(shard), keys.names(shard), keys.history(next.name)],
    [
      expectedRevision,
      next.revision,
      text,
      randomUUID(),
      dueAtMs ?? '',
      next.name,
      ...history.slice(-historyMax).map(encodeEntry),
    ],
  );
  return answer === 1;
}

async function dueUntil(
  { redis, calls, keys }: Shelf,
  untilMs: number,
  limit: number,
): Promise<readonly DueMigration[]> {
  const byShard = await eachShard(keys, async (shard) => {
    const rows = await calls.call('list what is due', () =>
      redis.zrangebyscore(keys.due(shard), '-inf', untilMs, 'WITHSCORES', 'LIMIT', 0, limit),
    );
    return rows.flatMap((name, index) => (index % 2 === 0 ? [{ name, dueAtMs: Number(rows[index + 1]) }] : []));
  });
  return byShard.flat().sort(byDueTime).slice(0, limit);
}

async function namesOf({ redis, calls, keys }: Shelf, limit: number): Promise<readonly string[]> {
  const byShard = await eachShard(keys, (shard) =>
    calls.call('list the names', () => redis.zrangebylex(keys.names(shard), '-', '+', 'LIMIT', 0, limit)),
  );
  return byShard.flat().sort().slice(0, limit);
}

async function historyOf({ redis, calls, keys }: Shelf, name: string, limit: number): Promise<readonly HistoryEntry[]> {
  const key = keys.history(name);
  if (limit === 0) return [];
  const entries = await calls.call(`history of "${name}"`, () => redis.lrange(key, -limit, -1));
  return entries.map((entry) => decodeEntry(name, entry));
}

async function claim({ calls, keys }: Shelf, claims: readonly string[], holder: Holder) {
  checkClaims(claims);
  if (claims.length === 0) return null;
  const taken = await calls.run('take claims', claimScript, [keys.claims], [encodeHolder(holder), ...claims]);
  if (!Array.isArray(taken)) return null;
  const [name, by] = taken.map(String);
  return { claim: name ?? '', holder: decodeHolder(name ?? '', by ?? '') };
}

function eachShard<Answer>(keys: RedisKeys, ask: (shard: number) => Promise<Answer>): Promise<readonly Answer[]> {
  return Promise.all(Array.from({ length: keys.shards }, (_, shard) => ask(shard)));
}
