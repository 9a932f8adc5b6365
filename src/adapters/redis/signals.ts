import type { Redis } from 'ioredis';
import { UnreadableRecordError } from '../../ports/errors.ts';
import type { Signals } from '../../ports/signals.ts';
import { realTime } from '../memory/clock-scale.ts';
import { checkName } from '../memory/stored-record.ts';
import {
  checkSamples,
  fromMember,
  inOrder,
  samplesKeptMax,
  samplesReadMax,
  samplesWindowMs,
  toMember,
} from '../memory/stored-sample.ts';
import { redisCalls } from './calls.ts';
import { redisKeys } from './keys.ts';
import { signalsScript } from './scripts.ts';
import type { RedisStoreOptions } from './store.ts';

/** Signals that any program may write (docs/redis.md): what it writes wrongly is skipped, and counted. */
export interface RedisSignals extends Signals {
  /** Members that were no samples, in all readings of this object so far. */
  skipped(): number;
}

const membersAtOnce = 500;

/** Signals on a client that the store may share; the same options as the store's. */
export function redisSignals(redis: Redis, options: RedisStoreOptions = {}): RedisSignals {
  const calls = redisCalls(redis);
  const keys = redisKeys(options);
  const { speed, anchorMs } = options.clockScale ?? realTime;
  const bounds = [speed, anchorMs, samplesWindowMs / 1000, samplesKeptMax];
  let skipped = 0;
  const run = async (name: string, since: number | '', members: readonly (string | number)[]) => {
    const args = [...bounds, since, samplesReadMax, ...members];
    const answer = await calls.run(`signals of "${name}"`, signalsScript, [keys.signals(name)], args);
    if (!Array.isArray(answer)) throw new UnreadableRecordError(`redis: signals of "${name}": no list came back`);
    skipped += Number(answer[0]);
    return (answer[1] ?? []) as readonly string[];
  };
  return {
    skipped: () => skipped,
    record: async (name, samples) => {
      checkName(name);
      checkSamples(samples);
      for (let from = 0; from < samples.length; from += membersAtOnce) {
        const some = samples.slice(from, from + membersAtOnce);
        await run(
          name,
          '',
          some.flatMap((sample) => [sample.fromMs / 1000, toMember(sample)]),
        );
      }
    },
    read: async (name, sinceMs) => {
      checkName(name);
      const members = await run(name, Math.max(0, sinceMs) / 1000, []);
      const samples = members.map(fromMember).filter((sample) => sample !== null);
      skipped += members.length - samples.length;
      return inOrder(samples.filter(({ fromMs }) => fromMs >= sinceMs));
    },
  };
}
