import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connectRedis } from '../../../src/adapters/redis/connect.ts';
import { redisSignals } from '../../../src/adapters/redis/signals.ts';
import { sampleOf } from '../../contracts/signals.contract.ts';
import { type RedisServer, startRedis } from '../../fixtures/redis-server.ts';

const key = 'sluice:{s0}:signals:shop';
let server: RedisServer;
let redis: Redis;
let nowSeconds = 0;
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
  nowSeconds = Number((await redis.time())[0]);
});

it('what a foreign program writes with the documented command is read, and a repeat of the command is one sample', async () => {
  const text = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
  const [, example = ''] = /```sh\nredis-cli (ZADD [^\n]+)\n```/.exec(text) ?? [];
  const command = example.replaceAll('1700000000', String(nowSeconds - 10)).replaceAll('shop-ingress', 'shop');
  const [, documentedKey = '', score = '', member = ''] = /^ZADD '([^']+)' (\S+) '([^']+)'$/.exec(command) ?? [];
  expect(documentedKey).toBe(key);
  expect(await redis.zadd(documentedKey, score, member)).toBe(1);
  expect(await redis.zadd(documentedKey, score, member)).toBe(0);
  expect(await redisSignals(redis).read('shop', 0)).toEqual([
    { side: 'target', instance: 'gateway-7c9f', fromMs: (nowSeconds - 10) * 1000, ms: 5000, requests: 412, errors: 3 },
  ]);
});

it('a seventh word names the load balancer that the requests came through', async () => {
  const from = nowSeconds - 10;
  await redis.zadd(key, from, `target pod ${from} 5 10 1 lb-public`);
  await redis.zadd(key, from, `target pod ${from} 5 20 1`);
  expect(await redisSignals(redis).read('shop', 0)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ requests: 10, loadBalancer: 'lb-public' }),
      { side: 'target', instance: 'pod', fromMs: from * 1000, ms: 5000, requests: 20, errors: 1 },
    ]),
  );
});

it('further words say how many connections are open and how many requests were direct, with and without a load balancer', async () => {
  const from = nowSeconds - 10;
  await redis.zadd(key, from, `target a ${from} 5 10 1 connections=7`);
  await redis.zadd(key, from, `target b ${from} 5 10 1 lb-public connections=8`);
  await redis.zadd(key, from, `target c ${from} 5 10 1 connections=9 direct=3`);
  expect(await redisSignals(redis).read('shop', 0)).toEqual(
    expect.arrayContaining([
      { side: 'target', instance: 'a', fromMs: from * 1000, ms: 5000, requests: 10, errors: 1, connections: 7 },
      expect.objectContaining({ instance: 'b', loadBalancer: 'lb-public', connections: 8 }),
      expect.objectContaining({ instance: 'c', connections: 9, direct: 3 }),
    ]),
  );
});

it('what is no sample is skipped and counted, and the samples around it are read', async () => {
  const from = nowSeconds - 10;
  const wrong = [
    'hello',
    `target pod ${from} 5 10`,
    `target pod ${from} 5 10 11`,
    `target pod ${from} 5 10 1 lb-public more`,
    `target pod ${from} 5 10 1 lb/public`,
    `target pod ${from} 5 10 1 direct=11`,
    `target pod ${from} 5 10 1 direct=1 connections=1`,
    `target pod ${from} 5 10 1 lb-public direct=1`,
    `target pod ${from} 5 10 1 open=1`,
    `both pod ${from} 5 10 1`,
    `target a b ${from} 5 10 1`,
    `target pod ${from} 0 10 1`,
    `target pod ${from} 5 -10 -11`,
    `target pod ${from} 5 1e3 0`,
    `target pod NaN 5 10 1`,
    `{"side":"target"}`,
  ];
  for (const member of wrong) await redis.zadd(key, from, member);
  await redis.zadd(key, from, `source pod ${from}.25 2.5 10 1`);
  const signals = redisSignals(redis);
  expect(await signals.read('shop', 0)).toEqual([
    { side: 'source', instance: 'pod', fromMs: from * 1000 + 250, ms: 2500, requests: 10, errors: 1 },
  ]);
  expect(signals.skipped()).toBe(wrong.length);
});

it('a score in milliseconds is dropped and counted: it would never grow old', async () => {
  const fromMs = nowSeconds * 1000;
  await redis.zadd(key, fromMs, `target pod ${fromMs} 5000 10 1`);
  const signals = redisSignals(redis);
  expect(await signals.read('shop', 0)).toEqual([]);
  expect(signals.skipped()).toBe(1);
  expect(await redis.zcard(key)).toBe(0);
});

it('a member that claims another time than its score is taken at its word, within what was asked for', async () => {
  await redis.zadd(key, nowSeconds, `target pod ${nowSeconds - 600} 5 10 1`);
  const signals = redisSignals(redis);
  expect(await signals.read('shop', (nowSeconds - 60) * 1000)).toEqual([]);
  expect(await signals.read('shop', 0)).toHaveLength(1);
});

it('the newest 50,000 are kept, and the key goes a week after its last use', async () => {
  const members = Array.from({ length: 50_100 }, (_, index) => [nowSeconds - 60_000 + index, index] as const);
  for (let from = 0; from < members.length; from += 10_000) {
    const some = members.slice(from, from + 10_000);
    const pairs = some.flatMap(([at, index]): string[] => [String(at), `target pod-${index} ${at} 1 1 0`]);
    await redis.call('ZADD', key, ...pairs);
  }
  await redisSignals(redis).record('shop', [sampleOf(nowSeconds * 1000)]);
  expect(await redis.zcard(key)).toBe(50_000);
  expect((await redis.zrange(key, '0', '0'))[0]).toMatch(/^target pod-101 /);
  expect(await redis.ttl(key)).toBeGreaterThan(7 * 24 * 3600 - 60);
  await redis.persist(key);
  await redisSignals(redis).read('shop', 0);
  expect(await redis.ttl(key)).toBeGreaterThan(7 * 24 * 3600 - 60);
});
