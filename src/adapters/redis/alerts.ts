import type { Redis } from 'ioredis';
import type { Alerts } from '../../ports/alerts.ts';
import { UnreadableRecordError } from '../../ports/errors.ts';
import { realTime } from '../memory/clock-scale.ts';
import { fromLine, reportsKeptMax, reportsWindowMs, toLine } from '../memory/stored-alert.ts';
import { checkName } from '../memory/stored-record.ts';
import { redisCalls } from './calls.ts';
import { redisKeys } from './keys.ts';
import { signalsScript } from './scripts.ts';
import type { RedisStoreOptions } from './store.ts';

/** Reports of alerts, kept as samples are: a sorted set by time, pruned at each use. The same options as the store's. */
export function redisAlerts(redis: Redis, options: RedisStoreOptions = {}): Alerts {
  const calls = redisCalls(redis);
  const keys = redisKeys(options);
  const { speed, anchorMs } = options.clockScale ?? realTime;
  const bounds = [speed, anchorMs, reportsWindowMs / 1000, reportsKeptMax];
  const run = (name: string, since: number | '', members: readonly (string | number)[]) => {
    checkName(name);
    const args = [...bounds, since, reportsKeptMax, ...members];
    return calls.run(`alerts of "${name}"`, signalsScript, [keys.alerts(name)], args);
  };
  return {
    keep: async (name, reports) => {
      await run(
        name,
        '',
        reports.slice(-reportsKeptMax).flatMap((report) => [report.seenAtMs / 1000, toLine(report)]),
      );
    },
    read: async (name) => {
      const answer = await run(name, 0, []);
      if (!Array.isArray(answer)) throw new UnreadableRecordError(`redis: alerts of "${name}": no list came back`);
      return ((answer[1] ?? []) as readonly string[]).flatMap((line) => fromLine(line) ?? []);
    },
  };
}
