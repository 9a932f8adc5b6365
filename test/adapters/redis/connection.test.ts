import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, it } from 'vitest';
import { connectRedis } from '../../../src/adapters/redis/connect.ts';
import { redisStore } from '../../../src/adapters/redis/store.ts';
import { InvalidInputError, TransientError } from '../../../src/ports/errors.ts';
import type { MigrationStore } from '../../../src/ports/migration-store.ts';
import { entryOf, recordOf } from '../../contracts/records.ts';
import { freePort, type RedisServer, startRedis } from '../../fixtures/redis-server.ts';
import { startProxy } from './proxy.ts';

const secret = 'p4ss/w0rd%of+prod';
const triesMax = 100;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serverFor(options: Parameters<typeof startRedis>[0] = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  cleanups.push(server.stop);
  return server;
}

function storeAt(url: string, connection: Parameters<typeof connectRedis>[1] = {}): MigrationStore {
  const store = redisStore(connectRedis(url, connection));
  cleanups.push(() => store.close());
  return store;
}

/** Asks until the answer comes; errors that are not transient end it. */
async function inTheEnd<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TransientError) || tried >= triesMax) throw error;
      await wait(50);
    }
  }
}

describe('a Redis that is restarted', () => {
  it('is a transient error while it is down, and has every acknowledged commit when it is back', async () => {
    const server = await serverFor();
    const store = storeAt(server.url);
    let acknowledged = 0;
    let isDone = false;
    const troubles: unknown[] = [];
    const writer = (async () => {
      // Not done before a commit was acknowledged again: only then is the outcome of the one before known.
      for (let isKnown = false; !(isDone && isKnown); ) {
        const next = recordOf('restarted', acknowledged + 1, { dueAtMs: acknowledged });
        const isCommitted = await store.commit(next, acknowledged, [entryOf(acknowledged + 1)]).catch((error) => {
          troubles.push(error);
          return wait(20, null);
        });
        // A commit whose answer was lost may have been carried out: look, as the engine does.
        isKnown = isCommitted === true;
        if (isCommitted === true) acknowledged += 1;
        else if (isCommitted === false) acknowledged = (await inTheEnd(() => store.load('restarted')))?.revision ?? 0;
      }
    })();
    for (let round = 0; round < 2; round += 1) {
      const before = acknowledged;
      while (acknowledged < before + 50) await wait(5);
      await server.halt();
      await expect(store.load('restarted')).rejects.toBeInstanceOf(TransientError);
      await server.resume();
      const loaded = await inTheEnd(() => storeAt(server.url).load('restarted'));
      expect(loaded?.revision).toBeGreaterThanOrEqual(before + 50);
    }
    while (troubles.length === 0) await wait(5);
    isDone = true;
    await writer;
    expect((await store.load('restarted'))?.revision).toBe(acknowledged);
    expect((await store.history('restarted', 1))[0]?.revision).toBe(acknowledged);
    for (const error of troubles) expect(error).toBeInstanceOf(TransientError);
  });

  it('that is not there at all says so within its bounds, with the reason', async () => {
    const store = storeAt(`redis://127.0.0.1:${await freePort()}`);
    await expect(store.load('nowhere')).rejects.toThrow(/load "nowhere": no connection \(connect ECONNREFUSED/);
  });
});

describe('a connection that is dead without knowing it', () => {
  it('is replaced, and the command that found it dead succeeds', async () => {
    const server = await serverFor();
    const proxy = await startProxy(server.port);
    cleanups.push(proxy.stop);
    const store = storeAt(proxy.url, { silenceMs: 200 });
    await store.commit(recordOf('frozen', 1), 0, []);
    proxy.freeze();
    expect(await store.commit(recordOf('frozen', 2), 1, [])).toBe(true);
    expect((await store.load('frozen'))?.revision).toBe(2);
    expect(proxy.connections()).toBe(2);
  });

  it('lets no command wait longer than its time-out when no new connection can be had', async () => {
    const mute = createServer(() => undefined);
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    cleanups.push(async () => void mute.close());
    const { port } = mute.address() as { port: number };
    const store = storeAt(`redis://127.0.0.1:${port}`, { commandTimeoutMs: 300, silenceMs: 10_000 });
    await expect(store.load('mute')).rejects.toBeInstanceOf(TransientError);
  });

  it('queues no more than 10,000 commands', async () => {
    const mute = createServer(() => undefined);
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    cleanups.push(async () => void mute.close());
    const { port } = mute.address() as { port: number };
    const store = storeAt(`redis://127.0.0.1:${port}`, { commandTimeoutMs: 1_000 });
    const waiting = Array.from({ length: 10_000 }, () => store.load('queued').catch((error: unknown) => error));
    await expect(store.load('queued')).rejects.toThrow(/10000 commands are waiting already/);
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(TransientError);
  });

  it('that breaks before the answer to a commit comes has not lost the race against itself', async () => {
    const server = await serverFor();
    const proxy = await startProxy(server.port);
    cleanups.push(proxy.stop);
    const store = storeAt(proxy.url);
    await store.commit(recordOf('resent', 1), 0, [entryOf(1)]);
    proxy.loseNextAnswer();
    expect(await store.commit(recordOf('resent', 2), 1, [entryOf(2)])).toBe(true);
    expect(proxy.connections()).toBe(2);
    expect((await store.history('resent', 10)).map(({ revision }) => revision)).toEqual([1, 2]);
    expect(await store.commit(recordOf('resent', 2), 1, [entryOf(2)])).toBe(false);
  });
});

describe('a password', () => {
  const showsNothing = (error: unknown) => {
    const shown = inspect(error, { depth: 10, showHidden: true });
    expect(shown).not.toContain(secret.slice(0, 10));
    expect(shown).not.toContain(encodeURIComponent(secret));
    expect(shown).not.toContain('redis://');
  };

  it('opens the server that wants it', async () => {
    const server = await serverFor({ password: secret });
    expect(await storeAt(server.url).load('nobody')).toBeNull();
  });

  it('does not appear when the server refuses it', async () => {
    const server = await serverFor({ password: 'another' });
    const store = storeAt(server.url.replace('another', encodeURIComponent(secret)), { commandTimeoutMs: 1_000 });
    const error = await store.load('refused').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toMatch(/WRONGPASS/);
    showsNothing(error);
  });

  it('does not appear when the server quotes it, whole or cut', async () => {
    const quoting = createServer((socket) => {
      socket.on('data', () =>
        socket.write(
          `-ERR unknown command \`AUTH\`, with args beginning with: \`${secret}\` \`${secret.slice(0, 10)}\`\r\n`,
        ),
      );
      socket.on('error', () => socket.destroy());
      cleanups.push(async () => void socket.destroy());
    });
    quoting.listen(0, '127.0.0.1');
    await once(quoting, 'listening');
    cleanups.push(async () => void quoting.close());
    const { port } = quoting.address() as { port: number };
    const store = storeAt(`redis://user:${encodeURIComponent(secret)}@127.0.0.1:${port}`, { commandTimeoutMs: 1_000 });
    const error = await store.load('quoted').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toMatch(/unknown command/);
    showsNothing(error);
  });

  it('does not appear when the URL is none', () => {
    const texts = [
      `http://:${secret}@host`,
      `redis//:${secret}@host`,
      secret,
      `redis://:${secret}@`,
      `redis://h?password=${secret}`,
    ];
    for (const text of texts) {
      const error = (() => {
        try {
          connectRedis(text).disconnect();
          return null;
        } catch (reason) {
          return reason;
        }
      })();
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(inspect(error, { depth: 10 })).not.toContain(secret);
    }
  });
});

describe('rediss://', () => {
  it('works with a certificate of our own authority, and not without it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const altNames = [{ type: 7 as const, ip: '127.0.0.1' }];
    const pems = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      keySize: 2048,
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames },
      ],
    });
    await writeFile(join(folder, 'cert.pem'), pems.cert);
    await writeFile(join(folder, 'key.pem'), pems.private, { mode: 0o600 });
    const tlsPort = await freePort();
    await serverFor({
      settings: {
        'tls-port': String(tlsPort),
        'tls-cert-file': join(folder, 'cert.pem'),
        'tls-key-file': join(folder, 'key.pem'),
        'tls-auth-clients': 'no',
      },
    });
    const url = `rediss://127.0.0.1:${tlsPort}`;
    expect(await storeAt(url, { ca: pems.cert }).commit(recordOf('tls', 1), 0, [])).toBe(true);
    await expect(storeAt(url, { commandTimeoutMs: 1_000 }).load('tls')).rejects.toThrow(/self-signed certificate/);
  });
});
