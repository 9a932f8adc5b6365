import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis } from '../../../src/adapters/redis/connect.ts';
import { redisKeys } from '../../../src/adapters/redis/keys.ts';
import { redisSignals } from '../../../src/adapters/redis/signals.ts';
import { redisStore } from '../../../src/adapters/redis/store.ts';
import { UnreadableRecordError } from '../../../src/ports/errors.ts';
import { entryOf, recordOf } from '../../contracts/records.ts';
import { sampleOf } from '../../contracts/signals.contract.ts';
import { freePort, type RedisServer, startRedis } from '../../fixtures/redis-server.ts';

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
});

describe('the documented keys', () => {
  it('are the ones that a commit, a claim and a sample write', async () => {
    const store = redisStore(redis);
    const nowMs = await store.now();
    await store.commit(recordOf('shop', 1, { dueAtMs: 1234 }), 0, [entryOf(1)]);
    await store.claim(['group/1'], { name: 'shop', run: 'r' });
    await redisSignals(redis).record('shop', [sampleOf(nowMs)]);
    expect((await redis.keys('*')).sort()).toEqual([
      'sluice:{claims}:held',
      'sluice:{s0}:due',
      'sluice:{s0}:history:shop',
      'sluice:{s0}:names',
      'sluice:{s0}:record:shop',
      'sluice:{s0}:signals:shop',
    ]);
    expect(await redis.hget('sluice:{s0}:record:shop', 'revision')).toBe('1');
    expect(await redis.zscore('sluice:{s0}:due', 'shop')).toBe('1234');
    expect(await redis.hgetall('sluice:{claims}:held')).toEqual({ 'group/1': '{"name":"shop","run":"r"}' });
  });

  it('spread over the shards, all keys of a name in one', async () => {
    const store = redisStore(redis, { shards: 8, prefix: 'other' });
    const names = Array.from({ length: 100 }, (_, index) => `m-${index}`);
    for (const name of names) await store.commit(recordOf(name, 1, { dueAtMs: 1 }), 0, [entryOf(1)]);
    const keys = redisKeys({ shards: 8, prefix: 'other' });
    expect(new Set(names.map(keys.shardOf)).size).toBe(8);
    expect((await redis.keys('*')).every((key) => /^other:\{s[0-7]\}:/.test(key))).toBe(true);
    expect(await store.names(1000)).toEqual(names.sort());
    expect((await store.due(0, 1000)).map(({ name }) => name)).toEqual(names);
  });

  it('cannot be moved by a prefix with braces, nor by shards that are none', () => {
    expect(() => redisStore(redis, { prefix: 'a{b}' })).toThrow(/prefix/);
    for (const shards of [0, 1.5, 1025, Number.NaN]) expect(() => redisStore(redis, { shards })).toThrow(/shards/);
  });
});

describe('history', () => {
  it('takes no more room than its 500 entries', async () => {
    const store = redisStore(redis);
    const entries = Array.from({ length: 400 }, (_, index) => entryOf(1, `${index}`));
    await store.commit(recordOf('long', 1), 0, entries);
    await store.commit(recordOf('long', 2), 1, entries);
    expect(await redis.llen('sluice:{s0}:history:long')).toBe(500);
  });
});

describe('a cluster', () => {
  it('takes every script: no script names keys of two slots', async () => {
    const cluster = await startRedis({
      settings: { 'cluster-enabled': 'yes', 'cluster-port': String(await freePort()) },
    });
    const client = connectRedis(cluster.url);
    try {
      await client.cluster('ADDSLOTSRANGE', 0, 16383);
      for (let tries = 0; tries < 200 && !(await client.cluster('INFO')).includes('cluster_state:ok'); tries += 1) {
        await wait(50);
      }
      await expect(client.eval('return 1', 2, 'a', 'b')).rejects.toThrow(/CROSSSLOT/);
      const store = redisStore(client, { shards: 4 });
      const signals = redisSignals(client, { shards: 4 });
      for (const name of ['a', 'b', 'c', 'd', 'e']) {
        expect(await store.commit(recordOf(name, 1, { dueAtMs: 1 }), 0, [entryOf(1)])).toBe(true);
        const sample = sampleOf(await store.now());
        await signals.record(name, [sample]);
        expect(await signals.read(name, 0)).toEqual([sample]);
        expect(await store.claim([`${name}-1`, `${name}-2`], { name, run: 'r' })).toBeNull();
        await store.release([`${name}-1`, `${name}-2`], { name, run: 'r' });
      }
      expect(await store.names(10)).toHaveLength(5);
      expect(await store.due(0, 10)).toHaveLength(5);
    } finally {
      client.disconnect();
      await cluster.stop();
    }
  });
});

describe('a store that was closed', () => {
  it('says so, whether or not it had ever connected, and closes again without complaint', async () => {
    for (const isConnected of [true, false]) {
      const store = redisStore(connectRedis(server.url));
      if (isConnected) await store.now();
      await store.close();
      await store.close();
      await expect(store.load('late')).rejects.toThrow(/the store is closed/);
    }
  });
});

describe('a server that forgot the scripts', () => {
  it('is taught them again by the next call', async () => {
    const store = redisStore(redis);
    await store.commit(recordOf('forgotten', 1), 0, []);
    await redis.script('FLUSH');
    expect(await store.commit(recordOf('forgotten', 2), 1, [])).toBe(true);
    await redis.script('FLUSH');
    expect(await store.claim(['x'], { name: 'forgotten', run: 'r' })).toBeNull();
  });
});

describe('a key that holds another type', () => {
  const keys = redisKeys({});
  const cases = {
    record: keys.record('typed'),
    due: keys.due(0),
    names: keys.names(0),
    history: keys.history('typed'),
  };
  for (const [what, key] of Object.entries(cases)) {
    it(`in the place of ${what} lets a commit do nothing at all`, async () => {
      const store = redisStore(redis);
      await redis.set(key, 'foreign');
      await expect(store.commit(recordOf('typed', 1, { dueAtMs: 1 }), 0, [entryOf(1)])).rejects.toThrow(
        UnreadableRecordError,
      );
      expect(await redis.keys('*')).toEqual([key]);
      expect(await redis.get(key)).toBe('foreign');
    });
  }

  it('is reported when it is loaded', async () => {
    await redis.set(cases.record, 'foreign');
    await expect(redisStore(redis).load('typed')).rejects.toThrow(/load "typed".*another type/);
  });

  it('or a record without a revision is no free name', async () => {
    await redis.hset(cases.record, 'note', 'foreign');
    expect(await redisStore(redis).commit(recordOf('typed', 1), 0, [])).toBe(false);
    await redis.hset(cases.record, 'record', '{}');
    await expect(redisStore(redis).load('typed')).rejects.toThrow(UnreadableRecordError);
  });
});

describe('the clock', () => {
  it('is the server’s, in milliseconds', async () => {
    const [seconds = 0] = (await redis.time()).map(Number);
    const nowMs = await redisStore(redis).now();
    expect(Number.isInteger(nowMs)).toBe(true);
    expect(Math.floor(nowMs / 1000)).toBeGreaterThanOrEqual(seconds);
  });

  it('of a sandbox runs faster from its anchor on, for due work and signals too', async () => {
    const anchorMs = (await redisStore(redis).now()) - 60_000;
    const clockScale = { speed: 1_000_000, anchorMs };
    const store = redisStore(redis, { clockScale });
    const nowMs = await store.now();
    expect(nowMs).toBeGreaterThanOrEqual(anchorMs + 60_000 * 1_000_000);
    await store.commit(recordOf('fast', 1, { dueAtMs: nowMs - 1 }), 0, []);
    expect(await store.due(0, 10)).toHaveLength(1);
    expect(await redisStore(redis).due(0, 10)).toEqual([]);
    const scaled = { speed: 10, anchorMs };
    const signals = redisSignals(redis, { clockScale: scaled });
    const sample = sampleOf(await redisStore(redis, { clockScale: scaled }).now());
    await signals.record('fast', [sample, sampleOf(sample.fromMs - 25 * 3_600_000)]);
    expect(await signals.read('fast', 0)).toEqual([sample]);
  });
});
