import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectRedis } from '../../src/adapters/redis/connect.ts';
import { redisSignals } from '../../src/adapters/redis/signals.ts';
import { redisStore } from '../../src/adapters/redis/store.ts';
import { entryOf, recordOf } from '../contracts/records.ts';
import { sampleOf } from '../contracts/signals.contract.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import { addUser, documentedRights } from '../fixtures/redis-users.ts';

const password = 'a-password-of-1-user';
/** In a command, and in a script that a command runs. */
const refusal = /NOPERM|The user executing the script can't (?:run|access)/;
let server: RedisServer;
let rights: readonly string[];

beforeAll(async () => {
  server = await startRedis();
  rights = await documentedRights('sluice', password);
});
afterAll(() => server.stop());

/** A server that knows no script yet is sent its text. */
async function forgetScripts(): Promise<void> {
  const admin = connectRedis(server.url);
  await admin.script('FLUSH');
  await admin.quit();
}

let runs = 0;

/** Everything that the functions ask of Redis, once, as one user. @throws what the adapters throw */
async function everything(url: string): Promise<void> {
  const redis = connectRedis(url, { commandTimeoutMs: 2_000 });
  const store = redisStore(redis);
  const signals = redisSignals(redis);
  runs += 1;
  const name = `all-${runs}`;
  const holder = { name, run: 'run-1' };
  try {
    await store.now();
    await store.commit(recordOf(name, 1, { dueAtMs: 5 }), 0, [entryOf(1)]);
    await store.commit(recordOf(name, 2), 1, [entryOf(2)]);
    await store.load(name);
    await store.due(1_000, 10);
    await store.names(10);
    await store.history(name, 10);
    await store.claim([`group/${name}`], holder);
    await store.release([`group/${name}`], holder);
    await store.lease(`clb/${name}`, 'me', 10_000);
    await store.endLease(`clb/${name}`, 'me');
    await signals.record(name, [sampleOf(Date.now() - 1_000)]);
    await signals.read(name, 0);
  } finally {
    await store.close();
  }
}

/** The answer of Redis to one command of a user: `ok`, or its refusal. */
async function answerTo(url: string, ...command: readonly string[]): Promise<string> {
  // As redis-cli does: connects, and asks nothing that it was not told to ask.
  const redis = new Redis(url, {
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
    commandTimeout: 2_000,
  });
  redis.on('error', () => undefined);
  const [word = '', ...args] = command;
  try {
    await redis.call(word, ...args);
    return 'ok';
  } catch (error) {
    return String(error);
  } finally {
    redis.disconnect();
  }
}

describe('the user of the functions', () => {
  it('may do everything that they do', async () => {
    await everything(await addUser(server, 'sluice', rights));
  });

  it('has no right that is not needed: without any one of them something fails', async () => {
    const removable = rights.filter((word) => /^[+~]/.test(word) && word !== '+info');
    expect(removable.length).toBeGreaterThan(20);
    const spare: string[] = [];
    for (const right of removable) {
      const url = await addUser(
        server,
        'less',
        rights.filter((word) => word !== right),
      );
      await forgetScripts();
      const reason = await everything(url).then(
        () => null,
        (error: unknown) => String(error),
      );
      if (reason === null) spare.push(right);
      else expect([right, reason]).toEqual([right, expect.stringMatching(refusal)]);
    }
    expect(spare).toEqual([]);
  });

  it.each([
    ['CONFIG', 'GET', '*'],
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['ACL', 'LIST'],
    ['GET', 'another:key'],
    ['SET', 'sluice-of-somebody-else', '1'],
    ['PUBLISH', 'a', 'b'],
    ['SUBSCRIBE', 'a'],
    ['EVAL', "return redis.call('GET', 'another:key')", '0'],
    ['EVAL', "return redis.call('FLUSHALL')", '0'],
  ])('is refused %s %s', async (...command) => {
    const url = await addUser(server, 'sluice', rights);
    expect(await answerTo(url, ...command)).toMatch(refusal);
  });
});

describe('the user of programs that write signals', () => {
  let url: string;
  beforeAll(async () => {
    url = await addUser(server, 'reporter', await documentedRights('reporter', password));
  });

  it('writes a sample, which the functions read', async () => {
    const from = String(Math.floor(Date.now() / 1000) - 5);
    const member = `target gateway-7c9f ${from} 5 412 3`;
    expect(await answerTo(url, 'ZADD', 'sluice:{s0}:signals:shop-ingress', from, member)).toBe('ok');
    const redis = connectRedis(await addUser(server, 'sluice', rights));
    expect(await redisSignals(redis).read('shop-ingress', 0)).toMatchObject([{ side: 'target', errors: 3 }]);
    redis.disconnect();
  });

  it.each([
    ['ZADD', 'sluice:{s0}:due', '1', 'shop-ingress'],
    ['ZADD', 'sluice:{s0}:names', '0', 'ghost'],
    ['ZADD', 'sluice:{s0}:record:shop-ingress', '0', 'x'],
    ['ZADD', 'sluice:{claims}:held', '0', 'x'],
    ['ZADD', 'sluice:{s0}:record:{x}:signals:y', '0', 'x'],
    ['HSET', 'sluice:{s0}:record:shop-ingress', 'record', '{}'],
    ['HGET', 'sluice:{s0}:record:shop-ingress', 'record'],
    ['ZRANGEBYSCORE', 'sluice:{s0}:signals:shop-ingress', '-inf', '+inf'],
    ['DEL', 'sluice:{s0}:signals:shop-ingress'],
    ['EVAL', 'return 1', '0'],
    ['CONFIG', 'GET', '*'],
    ['KEYS', '*'],
  ])('is refused %s %s', async (...command) => {
    expect(await answerTo(url, ...command)).toMatch(refusal);
  });
});
