import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Gate, openGate } from './gate.ts';

let server: Server;
let gate: Gate;
const clients: Socket[] = [];

/** Says everything twice. */
beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => socket.write(Buffer.concat([piece, piece])));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  gate = await openGate({ upstream: () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }) });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await gate.stop();
  server.close();
});

interface Client {
  readonly socket: Socket;
  readonly heard: () => string;
  readonly broken: Promise<string>;
}

function client(port = gate.port): Client {
  const socket = connect(port, '127.0.0.1');
  clients.push(socket);
  let heard = '';
  socket.on('data', (piece: Buffer) => {
    heard += piece.toString();
  });
  const broken = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.once('end', () => resolve('end'));
  });
  return { socket, heard: () => heard, broken };
}

async function saying(one: Client, text: string, until: string): Promise<void> {
  one.socket.write(text);
  while (one.heard() !== until) await once(one.socket, 'data');
}

describe('a gate', () => {
  it('passes both ways', async () => {
    const one = client();
    await saying(one, 'ab', 'abab');
    await saying(one, 'c', 'ababcc');
  });

  it('resets open connections, and new ones', async () => {
    const one = client();
    await saying(one, 'a', 'aa');
    gate.set({ kind: 'reset' });
    expect(await one.broken).toBe('ECONNRESET');
    expect(await client().broken).toBe('ECONNRESET');
  });

  it('swallows in a black hole, and a connection that was in one stays dead', async () => {
    const one = client();
    await saying(one, 'a', 'aa');
    gate.set({ kind: 'blackHole' });
    one.socket.write('lost');
    await wait(50);
    gate.set({ kind: 'pass' });
    one.socket.write('later');
    const other = client();
    await saying(other, 'b', 'bb');
    expect(one.heard()).toBe('aa');
  });

  it('cuts an answer after so many bytes', async () => {
    gate.set({ kind: 'cut', afterBytes: 3 });
    const one = client();
    one.socket.write('abcd');
    expect(await one.broken).toBe('end');
    expect(one.heard()).toBe('abc');
  });

  it('goes where the first line says, and spares whom no fault concerns', async () => {
    const { port } = server.address() as AddressInfo;
    const led = await openGate({ upstream: null, spares: ({ host }) => host === '127.0.0.1' });
    led.set({ kind: 'reset' });
    try {
      const one = client(led.port);
      await saying(one, `127.0.0.1:${port}\nhello`, 'hellohello');
      const other = client(led.port);
      other.socket.write(`127.0.0.2:${port}\nhello`);
      expect(await other.broken).toBe('ECONNRESET');
    } finally {
      await led.stop();
    }
  });
});
