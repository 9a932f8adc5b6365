import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { type RedisProxy, startRedisProxy } from '../../src/sandbox/redis-proxy.ts';

const clock = sandboxClock(1);
let upstream: Server;
let peers: Set<Socket>;
let faults: Faults;
let proxy: RedisProxy;

beforeEach(async () => {
  peers = new Set();
  // Bytes are all that the proxy sees: a server that sends them back is enough to tell what passed.
  upstream = createServer((socket) => {
    peers.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  faults = new Faults(seededRandom(1), clock.now);
  const { port } = upstream.address() as AddressInfo;
  proxy = await startRedisProxy(`redis://user:secret@127.0.0.1:${port}/2`, clock, faults);
});

afterEach(async () => {
  await proxy.stop();
  for (const peer of peers) peer.destroy();
  await new Promise<void>((resolve) => upstream.close(() => resolve()));
});

/** Opens a connection through the proxy; `ask` resolves with the echo, or null when the connection is cut. */
function open(): { ask(text: string): Promise<string | null>; end(): void } {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  return {
    ask: (text) =>
      new Promise((resolve) => {
        if (socket.destroyed) resolve(null);
        socket.once('data', (data) => resolve(String(data)));
        socket.once('close', () => resolve(null));
        socket.write(text);
      }),
    end: () => socket.destroy(),
  };
}

describe('the way to Redis', () => {
  it('passes bytes on and keeps the user, the password and the number of the database in the URL', async () => {
    expect(proxy.url).toMatch(/^redis:\/\/user:secret@127\.0\.0\.1:\d+\/2$/);
    const client = open();
    expect(await client.ask('PING')).toBe('PING');
    client.end();
  });

  it('cuts open connections when a drop is put, and new ones while it is in force', async () => {
    const client = open();
    expect(await client.ask('one')).toBe('one');
    faults.put([{ where: 'redis', kind: 'drop' }]);
    expect(await client.ask('two')).toBeNull();
    expect(await open().ask('three')).toBeNull();
    faults.clear();
    const again = open();
    expect(await again.ask('four')).toBe('four');
    again.end();
  });

  it('holds up what is sent, in order, for a delay, and cuts after a stall', async () => {
    const client = open();
    faults.put([{ where: 'redis', kind: 'delay', forMs: 50 }]);
    expect(await client.ask('late')).toBe('late');
    faults.put([{ where: 'redis', kind: 'stall', forMs: 50 }]);
    expect(await client.ask('never')).toBeNull();
  });

  it('refuses an address that it could not look into', async () => {
    await expect(startRedisProxy('rediss://127.0.0.1:1', clock, faults)).rejects.toThrow('redis://host:port');
  });
});
