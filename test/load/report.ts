import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { toMember } from '../../src/adapters/memory/stored-sample.ts';
import { connectRedis } from '../../src/adapters/redis/connect.ts';
import { redisKeys } from '../../src/adapters/redis/keys.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { ReporterSettings } from './reporter.ts';

/**
 * A process of its own, as programs that report are: one sample a second for each migration, each side one of two seconds,
 * in turns. Its settings are the first line of its input; it ends when that ends, and says how many it wrote.
 */
const input = createInterface({ input: process.stdin });
const [settings] = (await once(input, 'line')) as [string];
const { url, names, clockScale } = JSON.parse(settings) as ReporterSettings;
const sampleMs = 2_000;
const clock = systemClock(clockScale);
const redis = connectRedis(url);
const keys = redisKeys({});
let isOver = false;
input.once('close', () => {
  isOver = true;
});

let atMs = Math.floor(clock.now() / 1_000) * 1_000;
let written = 0;
while (!isOver) {
  if (clock.now() < atMs + 1_000) {
    await wait(5);
    continue;
  }
  const side = (atMs / 1_000) % 2 === 0 ? 'source' : 'target';
  const fromMs = atMs - sampleMs;
  const member = toMember({ side, instance: `${side}-1`, fromMs, ms: sampleMs, requests: 100, errors: 0 });
  const pipeline = redis.pipeline();
  for (const name of names) pipeline.zadd(keys.signals(name), fromMs / 1_000, member);
  await pipeline.exec();
  written += names.length;
  atMs += 1_000;
}
redis.disconnect();
console.log(written);
