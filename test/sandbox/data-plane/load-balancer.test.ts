import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ClbBackend } from '../../../src/sandbox/clb/load-balancer.ts';
import type { ClbModel } from '../../../src/sandbox/clb/model.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { startClients } from '../../../src/sandbox/data-plane/clients.ts';
import { countersOf } from '../../../src/sandbox/data-plane/counters.ts';
import { type Gateway, startGateway } from '../../../src/sandbox/data-plane/gateway.ts';
import type { ListenPair } from '../../../src/sandbox/data-plane/gateway-messages.ts';
import { type DataPlane, startLoadBalancer } from '../../../src/sandbox/data-plane/load-balancer.ts';
import {
  backendsAt,
  balancerOver,
  bundledGateway,
  freePairs,
  type GatewayProgram,
  get,
  put,
  until,
} from './fixture.ts';

let program: GatewayProgram;
const opened: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  program = await bundledGateway();
});
afterAll(() => program.remove());
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.stop();
});

async function gatewayAt(side: 'source' | 'target', listen: readonly ListenPair[]): Promise<Gateway> {
  const gateway = await startGateway({ side, program: program.path, listen });
  opened.push(gateway);
  return gateway;
}

/** Ten times faster than life: a health check every 200 ms. */
async function balance(model: ClbModel, speed = 10): Promise<{ plane: DataPlane; http: string; https: string }> {
  const addressOf = (backend: ClbBackend) => backend.serverIp || null;
  const plane = await startLoadBalancer({ model, clock: sandboxClock(speed), addressOf });
  opened.push(plane);
  const ports = plane.entries['lb-public'];
  return { plane, http: ports?.['80'] ?? '', https: ports?.['443'] ?? '' };
}

async function sides(url: string, requests: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let sent = 0; sent < requests; sent += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(`${url}/productpage`)));
    for (const { body } of answers) {
      const { side } = JSON.parse(body) as { side: string };
      counts[side] = (counts[side] ?? 0) + 1;
    }
  }
  return counts;
}

describe('the load balancer’s data plane', () => {
  it('splits 2,000 requests over 20 backends exactly by their weights', async () => {
    const [source, target] = [await freePairs(10, 11), await freePairs(10, 12)];
    const gateways = [await gatewayAt('source', source), await gatewayAt('target', target)];
    const { http } = await balance(balancerOver([...backendsAt(source, 9), ...backendsAt(target, 1)]));
    expect(await sides(http, 2000)).toEqual({ source: 1800, target: 200 });
    for (const [index, each] of [180, 20].entries()) {
      const gateway = gateways[index];
      await until('all is reported', () => gateway?.counters().sinceStart.requests === each * 10);
      expect(Object.values(gateway?.counters().backends ?? {})).toEqual(Array(10).fill({ requests: each, errors: 0 }));
    }
  });

  it('serves https with a certificate of its own, and tells the backend how the request came', async () => {
    const seen: Record<string, unknown>[] = [];
    const backend = createServer((request, response) => {
      seen.push(request.headers);
      response.end('ok');
    });
    const port = await listening(backend);
    const { https } = await balance(balancerOver(backendsAt([{ address: '127.0.0.1', port }], 1)));
    const { status, body } = await get(`${https}/x`, { host: 'shop.example.com', connection: 'close', te: 'trailers' });
    expect([status, body]).toEqual([200, 'ok']);
    expect(seen[0]).toMatchObject({
      host: 'shop.example.com',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '127.0.0.1',
    });
    expect(seen[0]).not.toHaveProperty('te');
    await closed(backend);
  });

  it('passes bodies through, both ways', async () => {
    const echo = createServer((request, response) => void request.pipe(response));
    const port = await listening(echo);
    const { http } = await balance(balancerOver(backendsAt([{ address: '127.0.0.1', port }], 1)));
    const sent = 'x'.repeat(300_000);
    const received = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(`${http}/echo`, { method: 'POST', agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => resolve(Buffer.concat(chunks).toString()));
      });
      request.once('error', reject);
      request.write(sent.slice(0, 1000));
      request.end(sent.slice(1000));
    });
    expect(received === sent).toBe(true);
    await closed(echo);
  });

  it('leaves unhealthy backends out, and takes them back when they are well', async () => {
    const [source, target] = [await freePairs(2, 13), await freePairs(2, 14)];
    const gateway = await gatewayAt('source', source);
    await gatewayAt('target', target);
    const model = balancerOver([...backendsAt(source, 50), ...backendsAt(target, 50)]);
    const { http, plane } = await balance(model, 1);
    await gateway.listen(source.slice(0, 1));
    for (let round = 0; round < 3; round += 1) await plane.check();
    expect(await sides(http, 60)).toEqual({ source: 20, target: 40 });
    await gateway.listen(source);
    for (let round = 0; round < 3; round += 1) await plane.check();
    expect(await sides(http, 60)).toEqual({ source: 30, target: 30 });
  });

  it('goes to another backend, once, where the connection is refused', async () => {
    const pairs = await freePairs(2, 15);
    await gatewayAt('source', pairs.slice(0, 1));
    const { http } = await balance(balancerOver(backendsAt(pairs, 50), { healthCheck: 'off' }));
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(`${http}/x`)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200));
    const { http: dead } = await balance(balancerOver(backendsAt(await freePairs(2, 23), 50), { healthCheck: 'off' }));
    const refused = await get(`${dead}/x`);
    expect([refused.status, refused.headers['x-clb-error']]).toEqual([502, 'refused']);
  });

  it('answers 503 itself where there is no backend, and marks that answer', async () => {
    const { http } = await balance(balancerOver([]));
    const answer = await get(`${http}/x`);
    expect([answer.status, answer.headers['x-clb-error']]).toEqual([503, 'no-backend']);
  });

  it('answers 504 itself where a backend takes too long', async () => {
    const silent = createServer(() => undefined);
    const port = await listening(silent);
    const backends = backendsAt([{ address: '127.0.0.1', port }], 1);
    const { http } = await balance(balancerOver(backends, { requestTimeoutS: 1 }));
    const answer = await get(`${http}/x`);
    expect([answer.status, answer.headers['x-clb-error']]).toEqual([504, 'timeout']);
    await closed(silent);
  });

  it('takes no connection at a stopped listener, until it runs again', async () => {
    const pairs = await freePairs(1, 16);
    await gatewayAt('source', pairs);
    const model = balancerOver(backendsAt(pairs, 1));
    const { http } = await balance(model);
    put(model, backendsAt(pairs, 1), { status: 'stopped' });
    await expect(get(`${http}/x`)).rejects.toThrow('socket hang up');
    put(model, backendsAt(pairs, 1));
    expect((await get(`${http}/x`)).status).toBe(200);
  });

  it('follows a change of weights at the next request', async () => {
    const [source, target] = [await freePairs(1, 17), await freePairs(1, 18)];
    await gatewayAt('source', source);
    await gatewayAt('target', target);
    const model = balancerOver([...backendsAt(source, 100), ...backendsAt(target, 0)]);
    const { http } = await balance(model);
    expect(await sides(http, 20)).toEqual({ source: 20 });
    const servers = [...backendsAt(source, 75), ...backendsAt(target, 25)].map((one) => ({
      ServerId: one.serverId,
      ServerIp: one.serverIp,
      Port: one.port,
      Type: 'eni',
      Weight: one.weight,
    }));
    const set = { RegionId: 'cn-hangzhou', VServerGroupId: 'rsp', BackendServers: JSON.stringify(servers) };
    expect(model.call('SetVServerGroupAttribute', set, Date.now()).status).toBe(200);
    expect(await sides(http, 40)).toEqual({ source: 30, target: 10 });
  });
});

describe('clients over the load balancer', () => {
  const settings = { connections: 8, host: 'shop.example.com', path: '/productpage' };

  it('lose nothing once the health check has noticed that a gateway was killed', async () => {
    const [source, target] = [await freePairs(3, 19), await freePairs(3, 20)];
    const survivor = await gatewayAt('source', source);
    const victim = await gatewayAt('target', target);
    const model = balancerOver([...backendsAt(source, 50), ...backendsAt(target, 50)]);
    const { http, plane } = await balance(model);
    const clients = startClients({ urls: [http], ratePerSecond: 200, ...settings });
    opened.push(clients);
    await until('both sides serve', () => victim.counters().sinceStart.requests > 20);
    process.kill(victim.pid, 'SIGKILL');
    const listener = { loadBalancerId: 'lb-public', port: 80 };
    const isNoticed = (gone: ClbBackend) => model.healthOf(listener, gone, Date.now()) === 'abnormal';
    await until('the health check has noticed', () => backendsAt(target, 50).every(isNoticed));
    const underWay = clients.counters().sinceStart.requests + 20;
    await until('what was under way is answered', () => clients.counters().sinceStart.requests >= underWay);
    const { sinceStart: noticed } = clients.counters();
    await until('200 more requests', () => clients.counters().sinceStart.requests >= noticed.requests + 200);
    const { sinceStart: later } = clients.counters();
    expect([later.lost, later.errors]).toEqual([noticed.lost, noticed.errors]);
    expect(countersOf(survivor, victim, clients, plane)).toMatchObject({
      source: { sinceStart: { errors: 0 } },
      lost: { sinceStart: later.lost },
    });
  });

  it('send at their rate, count what gateways fail as errors and what no one answers as lost', async () => {
    const pairs = await freePairs(2, 21);
    const gateway = await gatewayAt('source', pairs);
    const { http, https } = await balance(balancerOver(backendsAt(pairs, 50)));
    const clients = startClients({ urls: [http, https], ratePerSecond: 100, ...settings });
    opened.push(clients);
    await until('some are answered', () => clients.counters().sinceStart.requests >= 50);
    expect(clients.counters()).toMatchObject({ sinceStart: { errors: 0, lost: 0 }, notSent: 0 });
    await gateway.set({ errorRate: 1 });
    await until('errors are seen', () => clients.counters().last10s.errors > 0);
    expect(clients.counters().last10s.lost).toBe(0);
    await gateway.stop();
    await until('losses are seen', () => clients.counters().last10s.lost > 0);
    clients.set({ ratePerSecond: 0 });
    const { requests } = clients.counters().sinceStart;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { requests: settled } = clients.counters().sinceStart;
    expect(settled - requests).toBeLessThan(20);
  });

  it('use as many connections as they are told, and more when told so', async () => {
    const pairs = await freePairs(1, 22);
    const gateway = await gatewayAt('source', pairs);
    await gateway.set({ latencyMs: 50 });
    const { http } = await balance(balancerOver(backendsAt(pairs, 1)));
    const clients = startClients({ ...settings, urls: [http], ratePerSecond: 200, connections: 2 });
    opened.push(clients);
    // Two connections at 50 ms each carry 40 requests a second at most, so the queue grows without bound.
    await until('they queue', () => clients.counters().last10s.latencyMs.p99 > 300);
    clients.set({ connections: 40, ratePerSecond: 100 });
    const { requests } = clients.counters().sinceStart;
    await until('the queue is worked off', () => clients.counters().sinceStart.requests > requests + 200);
    expect(clients.counters().sinceStart.lost).toBe(0);
  });
});

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function closed(server: ReturnType<typeof createServer>): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
