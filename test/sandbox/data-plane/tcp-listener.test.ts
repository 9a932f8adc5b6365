import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundledGateway, type GatewayProgram, get, put, until } from './fixture.ts';
import { type Stage, type StageOptions, serverOf, sideIn, startStage } from './stage.ts';

let program: GatewayProgram;
let stage: Stage | null = null;

beforeAll(async () => {
  program = await bundledGateway();
});
afterAll(() => program.remove());
afterEach(async () => {
  await stage?.stop();
  stage = null;
});

async function staged(options: Omit<StageOptions, 'program'>): Promise<Stage> {
  const made = await startStage({ ...options, program: program.path });
  stage = made;
  return made;
}

/** A bare connection to port 80, and whether and how it ended. */
function connection(here: Stage): { readonly socket: Socket; ended(): string | null } {
  const { hostname, port } = new URL(here.url());
  const socket = connect({ host: hostname, port: Number(port) });
  let ended: string | null = null;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code ?? 'error';
  });
  socket.on('close', () => {
    ended ??= 'closed';
  });
  return { socket, ended: () => ended };
}

describe('the front door of a TCP listener', () => {
  it('comes with the listener, takes connections while it runs, and goes with it', async () => {
    const here = await staged({ block: 31, weights: [1, 0] });
    expect(here.plane.entries['lb-public']).not.toHaveProperty('8080');
    await here.call('CreateLoadBalancerTCPListener', { ListenerPort: '8080', VServerGroupId: 'rsp' });
    const entry = here.plane.entries['lb-public']?.['8080'] ?? '';
    expect(entry).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    const url = `${entry.replace('tcp:', 'http:')}/x`;
    await expect(get(url)).rejects.toThrow('ECONNRESET');
    await here.call('StartLoadBalancerListener', { ListenerPort: '8080' });
    expect(sideIn((await get(url)).body)).toBe('source');
    await here.call('StopLoadBalancerListener', { ListenerPort: '8080' });
    await expect(get(url)).rejects.toThrow('ECONNRESET');
    await here.call('DeleteLoadBalancerListener', { ListenerPort: '8080' });
    expect(here.plane.entries['lb-public']).not.toHaveProperty('8080');
    await expect(get(url)).rejects.toThrow(/socket hang up|ECONNRESET/);
  });

  it('is where the HTTP listener was, so that clients need not be told, and the other way round', async () => {
    const here = await staged({ block: 33, weights: [1, 0] });
    const before = here.url();
    const { ask } = here.visitor();
    expect(await ask()).toBe('source');
    await here.listenTcp();
    expect([here.url(), here.plane.entries['lb-public']?.['80']]).toEqual([before, before.replace('http:', 'tcp:')]);
    expect(await here.visitor().ask()).toBe('source');
    await here.call('DeleteLoadBalancerListener', { ListenerPort: '80' });
    const http = { ListenerPort: '80', VServerGroupId: 'rsp', StickySession: 'off', HealthCheck: 'on' };
    await here.call('CreateLoadBalancerHTTPListener', http);
    await here.call('StartLoadBalancerListener', { ListenerPort: '80' });
    expect(here.plane.entries['lb-public']?.['80']).toBe(before);
    expect((await get(`${before}/x`)).headers['set-cookie']).toBeUndefined();
  });

  it('passes bytes through, both ways, and closes one way after the other', async () => {
    const here = await staged({ block: 35, weights: [0, 0] });
    const echo = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => socket.end(Buffer.concat(chunks).reverse()));
    });
    const port = await new Promise<number>((resolve) => {
      echo.listen(0, '127.0.0.1', () => resolve((echo.address() as { port: number }).port));
    });
    const backend = {
      serverId: 'eni-e',
      serverIp: '127.0.0.1',
      port,
      weight: 1,
      type: 'eni',
      description: '',
    } as const;
    put(here.model, [backend], { healthCheck: 'off' });
    await here.listenTcp({ HealthCheck: 'off' });
    const { socket } = connection(here);
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251));
    socket.end(sent);
    await new Promise<void>((resolve) => socket.once('end', resolve));
    expect(Buffer.concat(received).equals(Buffer.from(sent).reverse())).toBe(true);
    await until('the load balancer has closed it', () => here.plane.connections().length === 0);
    await new Promise<void>((resolve) => echo.close(() => resolve()));
  });

  it('resets where a backend refuses, and does not try another', async () => {
    const here = await staged({ block: 37, weights: [50, 50] });
    await here.listenTcp({ HealthCheck: 'off' });
    await here.source.listen([]);
    const asked = await Promise.allSettled(Array.from({ length: 10 }, () => here.visitor().ask()));
    expect(asked.filter(({ status }) => status === 'rejected')).toHaveLength(5);
    expect(asked.filter((one) => one.status === 'fulfilled' && one.value === 'target')).toHaveLength(5);
    await here.weigh(0, 0);
    const { ended } = connection(here);
    await until('it is refused', () => ended() === 'ECONNRESET');
  });
});

describe('an established connection', () => {
  it('keeps flowing to a side of weight 0, while every new one goes to the other, and is counted', async () => {
    const here = await staged({ block: 41, weights: [100, 0] });
    await here.listenTcp();
    const old = [here.visitor(), here.visitor(), here.visitor()];
    expect(await Promise.all(old.map(({ ask }) => ask()))).toEqual(['source', 'source', 'source']);
    await here.weigh(0, 100);
    expect(await Promise.all([here.visitor(), here.visitor()].map(({ ask }) => ask()))).toEqual(['target', 'target']);
    expect(await Promise.all(old.map(({ ask }) => ask()))).toEqual(['source', 'source', 'source']);
    expect(here.connections()).toEqual({ source: 3, target: 2 });
  });

  it('ends when nothing came for EstablishedTimeout', async () => {
    const here = await staged({ block: 43, weights: [1, 0], speed: 100 });
    await here.listenTcp({ EstablishedTimeout: '10' });
    const { socket, ended } = connection(here);
    socket.write('GET / HTTP/1.1\r\nhost: shop.example.com\r\n\r\n');
    await new Promise<void>((resolve) => socket.once('data', () => resolve()));
    expect(here.connections()).toEqual({ source: 1, target: 0 });
    await until('it is cut', () => ended() === 'ECONNRESET');
    await until('it is closed', () => here.connections()?.source === 0);
  });

  it('drains where its backend is taken away, and not at weight 0', async () => {
    const here = await staged({ block: 45, weights: [50, 50], speed: 100 });
    await here.listenTcp({ ConnectionDrain: 'on', ConnectionDrainTimeout: '10', HealthCheck: 'off' });
    const [first, second] = [here.visitor(), here.visitor()];
    expect([await first.ask(), await second.ask()]).toEqual(['source', 'target']);
    await here.weigh(0, 50);
    const gone = JSON.stringify(here.targetBackends.map(serverOf(0)));
    await here.call('RemoveVServerGroupBackendServers', { VServerGroupId: 'rsp', BackendServers: gone });
    await until('the one is drained', () => here.connections()?.target === 0);
    expect(await first.ask()).toBe('source');
    expect(here.connections()).toEqual({ source: 1, target: 0 });
  });

  it('drains where its backend is ill', async () => {
    const here = await staged({ block: 47, weights: [0, 1], speed: 100 });
    await here.listenTcp({ ConnectionDrain: 'on', ConnectionDrainTimeout: '10' });
    const { ended } = connection(here);
    await until('it is open', () => here.connections()?.target === 1);
    // It takes no new connection, so the checks fail, and still holds those that it has.
    await here.target.listen([]);
    await until('it is cut', () => ended() === 'ECONNRESET');
    expect(here.connections()).toEqual({ source: 0, target: 0 });
  });

  it('lives on with a backend that was taken away where nothing drains', async () => {
    const here = await staged({ block: 49, weights: [0, 1] });
    await here.listenTcp({ HealthCheck: 'off' });
    const visitor = here.visitor();
    expect(await visitor.ask()).toBe('target');
    const gone = JSON.stringify(here.targetBackends.map(serverOf(0)));
    await here.call('RemoveVServerGroupBackendServers', { VServerGroupId: 'rsp', BackendServers: gone });
    expect(await visitor.ask()).toBe('target');
    expect(here.connections()).toEqual({ source: 0, target: 1 });
  });

  it('is cut where its listener is stopped', async () => {
    const here = await staged({ block: 51, weights: [1, 0] });
    await here.listenTcp();
    const { ended } = connection(here);
    await until('it is open', () => here.connections()?.source === 1);
    await here.call('StopLoadBalancerListener', { ListenerPort: '80' });
    await until('it is cut', () => ended() === 'ECONNRESET');
    await until('it is closed', () => here.connections()?.source === 0);
  });
});

describe('an HTTP listener', () => {
  it('counts the requests that are under way at each side', async () => {
    const here = await staged({ block: 53, weights: [1, 1] });
    await Promise.all([here.source.set({ latencyMs: 300 }), here.target.set({ latencyMs: 300 })]);
    const asked = [here.visitor(), here.visitor(), here.visitor(), here.visitor()].map(({ ask }) => ask());
    await until('all are under way', () => here.connections()?.source === 2 && here.connections()?.target === 2);
    await Promise.all(asked);
    expect(here.connections()).toEqual({ source: 0, target: 0 });
  });
});
