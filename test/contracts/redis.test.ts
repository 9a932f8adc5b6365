import { describe } from 'vitest';
import { redisAlerts } from '../../src/adapters/redis/alerts.ts';
import { connectRedis } from '../../src/adapters/redis/connect.ts';
import { redisKeys } from '../../src/adapters/redis/keys.ts';
import { redisSignals } from '../../src/adapters/redis/signals.ts';
import { redisStore } from '../../src/adapters/redis/store.ts';
import { startRedis } from '../fixtures/redis-server.ts';
import { documentedUser } from '../fixtures/redis-users.ts';
import { alertsContract } from './alerts.contract.ts';
import { signalsContract } from './signals.contract.ts';
import { storeContract } from './store.contract.ts';

for (const shards of [1, 16]) {
  describe(`the Redis store in ${shards} shards`, () =>
    storeContract(async () => {
      const server = await startRedis();
      const url = await documentedUser(server, 'sluice', 'of-the-functions');
      const foreign = connectRedis(server.url);
      const keys = redisKeys({ shards });
      return {
        open: () => redisStore(connectRedis(url), { shards }),
        plant: async (name, revision, text) => {
          await foreign.hset(keys.record(name), { revision, record: text });
        },
        stored: (name) => foreign.hget(keys.record(name), 'record'),
        stop: async () => {
          foreign.disconnect();
          await server.stop();
        },
      };
    }));
}

describe('signals in Redis', () =>
  signalsContract(async () => {
    const server = await startRedis();
    const redis = connectRedis(await documentedUser(server, 'sluice', 'of-the-functions'));
    return {
      signals: redisSignals(redis),
      now: () => Date.now(),
      stop: async () => {
        redis.disconnect();
        await server.stop();
      },
    };
  }));

describe('alerts in Redis', () =>
  alertsContract(async () => {
    const server = await startRedis();
    const redis = connectRedis(await documentedUser(server, 'sluice', 'of-the-functions'));
    return {
      alerts: redisAlerts(redis, { shards: 4 }),
      stop: async () => {
        redis.disconnect();
        await server.stop();
      },
    };
  }));
