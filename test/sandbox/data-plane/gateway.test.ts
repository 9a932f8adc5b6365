import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callerAddress } from '../../../src/sandbox/addresses.ts';
import { startClients } from '../../../src/sandbox/data-plane/clients.ts';
import { type Gateway, startGateway } from '../../../src/sandbox/data-plane/gateway.ts';
import type { ListenPair } from '../../../src/sandbox/data-plane/gateway-messages.ts';
import { bundledGateway, freePairs, type GatewayProgram, get, until } from './fixture.ts';

let program: GatewayProgram;
let gateway: Gateway | null = null;

beforeAll(async () => {
  program = await bundledGateway();
});
afterAll(() => program.remove());
afterEach(async () => {
  await gateway?.stop();
  gateway = null;
});

async function started(count = 2): Promise<{ gateway: Gateway; pairs: readonly ListenPair[]; url: string }> {
  const pairs = await freePairs(count, 1);
  const handle = await startGateway({ side: 'target', program: program.path, listen: pairs });
  gateway = handle;
  return { gateway: handle, pairs, url: urlOf(pairs[0]) };
}

function urlOf(pair: ListenPair | undefined): string {
  return `http://${pair?.address}:${pair?.port}`;
}

describe('a gateway process', () => {
  it('answers any path at each of its addresses, and says who answered', async () => {
    const { pairs } = await started();
    for (const pair of pairs) {
      const { status, body } = await get(`${urlOf(pair)}/productpage?u=1`);
      expect(status).toBe(200);
      expect(JSON.parse(body)).toEqual({
        side: 'target',
        backend: `${pair.address}:${pair.port}`,
        path: '/productpage?u=1',
      });
    }
    const page = await get(`${urlOf(pairs[0])}/<b>`, { accept: 'text/html' });
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).not.toContain('<b>');
  });

  it('fails ordinary requests at the error rate, and leaves probes alone', async () => {
    const { gateway: handle, url } = await started();
    await handle.set({ errorRate: 1 });
    expect((await get(`${url}/productpage`)).status).toBe(503);
    expect((await get(`${url}/productpage`, { 'user-agent': 'sluice-probe/1' })).status).toBe(200);
    expect((await get(`${url}/healthz/ready`)).status).toBe(200);
  });

  it('fails about as many as the rate says', async () => {
    const { gateway: handle, url } = await started();
    await handle.set({ errorRate: 0.25 });
    const answers = await Promise.all(Array.from({ length: 200 }, () => get(`${url}/`)));
    const failed = answers.filter((answer) => answer.status === 503).length;
    // Four standard deviations of 200 draws at 0.25.
    expect(Math.abs(failed - 50)).toBeLessThan(25);
  });

  it('stops answering probes, and only them', async () => {
    const { gateway: handle, url } = await started();
    await handle.set({ probes: false });
    expect((await get(`${url}/healthz/ready`)).status).toBe(503);
    expect((await get(`${url}/x`, { 'user-agent': 'sluice-probe/1' })).status).toBe(503);
    expect((await get(`${url}/x`)).status).toBe(200);
  });

  it('tells requests by the load balancer that they came in at, as far as they say', async () => {
    const { gateway: handle, url } = await started();
    const ask = (id: string) => get(`${url}/productpage`, { 'slb-id': id });
    for (const id of ['lb-public', 'lb-internal', 'lb-internal', 'x'.repeat(65)]) await ask(id);
    await get(`${url}/productpage`);
    await until('all are reported', () => handle.counters().sinceStart.requests === 5);
    const counted = (id: string) => handle.counters().loadBalancers[id]?.sinceStart.requests;
    expect([counted('lb-public'), counted('lb-internal')]).toEqual([1, 2]);
    expect(Object.keys(handle.counters().loadBalancers)).toHaveLength(2);
    await handle.set({ errorRate: 1 });
    await ask('lb-internal');
    await until('the error is reported', () => handle.counters().sinceStart.errors === 1);
    expect(handle.counters().loadBalancers).toMatchObject({
      'lb-public': { sinceStart: { errors: 0 } },
      'lb-internal': { sinceStart: { requests: 3, errors: 1 }, last10s: { requests: 3, errors: 1 } },
    });
  });

  it('counts a connection while it is open and has carried a request, by the load balancer that it names', async () => {
    const { gateway: handle, url } = await started();
    const agent = new Agent({ keepAlive: true });
    const other = new Agent({ keepAlive: true });
    await get(`${url}/productpage`, { 'slb-id': 'lb-public' }, agent);
    await get(`${url}/productpage`, { 'slb-id': 'lb-public' }, agent);
    await get(`${url}/productpage`, {}, other);
    await get(`${url}/productpage`, { 'user-agent': 'sluice-probe/1' }, new Agent({ keepAlive: true }));
    await until('both are reported', () => handle.counters().open.total === 2);
    expect(handle.counters().open.loadBalancers).toEqual({ 'lb-public': 1 });
    agent.destroy();
    await until('one is closed', () => handle.counters().open.total === 1);
    expect(handle.counters().open.loadBalancers).toEqual({ 'lb-public': 0 });
    await handle.stop();
    expect(handle.counters().open.total).toBe(0);
    other.destroy();
  });

  it('tells requests of callers inside the cluster, who come through no load balancer', async () => {
    const { gateway: handle, url } = await started();
    const page = { host: 'shop.example.com', path: '/productpage', connections: 2, ratePerSecond: 200 };
    const callers = startClients({ ...page, urls: [url], addressOf: callerAddress });
    await get(`${url}/productpage`, { 'slb-id': 'lb-public' });
    await until('some are reported', () => handle.counters().direct.sinceStart.requests >= 20);
    await callers.stop();
    await until('all are reported', () => {
      const { sinceStart, direct } = handle.counters();
      return sinceStart.requests === direct.sinceStart.requests + 1;
    });
    expect(handle.counters().loadBalancers).toMatchObject({ 'lb-public': { sinceStart: { requests: 1 } } });
    expect(handle.counters().open.total).toBe(0);
  });

  it('keeps no more than sixteen load balancers apart, whatever callers name', async () => {
    const { gateway: handle, url } = await started();
    for (let n = 0; n < 20; n += 1) await get(`${url}/productpage`, { 'slb-id': `lb-${n}` });
    await until('all are reported', () => handle.counters().sinceStart.requests === 20);
    expect(Object.keys(handle.counters().loadBalancers)).toHaveLength(16);
  });

  it('makes a call inside the mesh for each page, and counts it for the subset that has it', async () => {
    const { gateway: handle, url } = await started();
    const choices = [{ subset: 'v1', weight: 1, isDead: false }];
    const called = { host: 'default/reviews', page: '/productpage', path: '/reviews/0' };
    const routing = { subsets: ['v1', 'v3'], routes: [{ match: [], choices }] };
    await handle.call([{ ...called, routing, errorRates: {} }]);
    for (const path of ['/productpage', '/productpage?u=1', '/login', '/healthz/ready']) await get(`${url}${path}`);
    await get(`${url}/productpage`, { 'user-agent': 'sluice-probe/1' });
    await until('all are reported', () => handle.counters().sinceStart.requests === 3);
    expect(handle.counters().subsets).toMatchObject({
      'default/reviews': { v1: { sinceStart: { requests: 2, errors: 0 } } },
    });

    // Neither an error of the subset nor one without endpoints is seen at the page.
    await handle.call([{ ...called, routing, errorRates: { v1: 1 } }]);
    expect((await get(`${url}/productpage`)).status).toBe(200);
    const dead = [{ subset: 'v3', weight: 1, isDead: true }];
    await handle.call([{ ...called, routing: { ...routing, routes: [{ match: [], choices: dead }] }, errorRates: {} }]);
    expect((await get(`${url}/productpage`)).status).toBe(200);
    await until('both are reported', () => handle.counters().sinceStart.requests === 5);
    expect(handle.counters().subsets).toMatchObject({
      'default/reviews': {
        v1: { sinceStart: { requests: 3, errors: 1 }, last10s: { requests: 3, errors: 1 } },
        v3: { sinceStart: { requests: 1, errors: 1 } },
      },
    });
  });

  it('takes its time where told so', async () => {
    const { gateway: handle, url } = await started();
    await handle.set({ latencyMs: 80 });
    await get(`${url}/x`);
    await until('the request is reported', () => handle.counters().sinceStart.requests === 1);
    expect(handle.counters().sinceStart.latencyMs.mean).toBeGreaterThanOrEqual(75);
    expect(handle.counters().last10s.latencyMs.p99).toBeGreaterThan(50);
  });

  it('counts requests and errors by backend, never probes, here and as Prometheus reads it', async () => {
    const { gateway: handle, pairs, url } = await started();
    await handle.set({ errorRate: 1 });
    await get(`${url}/x`);
    await handle.set({ errorRate: 0 });
    await get(`${urlOf(pairs[1])}/x`);
    await get(`${url}/x`, { 'user-agent': 'sluice-probe/1' });
    await until('both are reported', () => handle.counters().sinceStart.requests === 2);
    const [first, second] = pairs.map((pair) => `${pair.address}:${pair.port}`);
    expect(handle.counters()).toMatchObject({
      sinceStart: { requests: 2, errors: 1 },
      last10s: { requests: 2, errors: 1 },
      backends: { [String(first)]: { requests: 1, errors: 1 }, [String(second)]: { requests: 1, errors: 0 } },
    });
    const { body } = await get(`${handle.adminUrl}/stats/prometheus`);
    expect(body).toMatch(
      /^istio_requests_total\{.*source_workload="istio-ingressgateway-asm".*response_code="200".*\} 1$/m,
    );
    expect(body).toMatch(/^istio_requests_total\{.*response_code="503".*\} 1$/m);
    expect(body).toMatch(/_bucket\{.*le="\+Inf"\} 2$/m);
    expect((await get(`${handle.adminUrl}/other`)).status).toBe(404);
  });

  it('takes addresses and gives them up while it runs', async () => {
    const { gateway: handle, pairs } = await started(3);
    const [one, two, three] = pairs;
    if (!one || !two || !three) throw new Error('three addresses expected');
    await handle.listen([one]);
    expect((await get(urlOf(one))).status).toBe(200);
    await expect(get(urlOf(two))).rejects.toThrow('ECONNREFUSED');
    await handle.listen([one, two, three]);
    expect((await get(urlOf(two))).status).toBe(200);
  });

  it('still answers on the open connections of an address that it gives up, and ends them', async () => {
    const { gateway: handle, pairs, url } = await started(1);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await get(`${url}/x`, {}, agent)).headers.connection).toBe('keep-alive');
    await handle.listen([]);
    const last = await get(`${url}/x`, {}, agent);
    expect([last.status, last.headers.connection]).toEqual([200, 'close']);
    await expect(get(`${url}/x`, {}, agent)).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
    await handle.listen(pairs);
    expect((await get(`${url}/x`)).status).toBe(200);
  });

  it('says which address it cannot have, and keeps those it has', async () => {
    const { gateway: handle, pairs } = await started(1);
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port));
    });
    await expect(handle.listen([...pairs, { address: '127.0.0.1', port }])).rejects.toThrow('EADDRINUSE');
    await expect(handle.listen([{ address: '192.0.2.1', port: 80 }])).rejects.toThrow('not a loopback address');
    expect((await get(urlOf(pairs[0]))).status).toBe(200);
    taken.close();
    const second = startGateway({ side: 'source', program: program.path, listen: pairs });
    await expect(second).rejects.toThrow('EADDRINUSE');
  });

  it('tells those who ask it something that it is gone', async () => {
    const { gateway: handle } = await started();
    process.kill(handle.pid, 'SIGKILL');
    await handle.exited;
    await expect(handle.set({ errorRate: 1 })).rejects.toThrow('gone');
  });

  it('is gone when stop resolves, with a request under way, when asked twice, and where it was dead before', async () => {
    const { gateway: handle, url } = await started();
    await handle.set({ latencyMs: 60_000 });
    const unanswered = get(`${url}/x`).catch((error: Error) => error.message);
    // Its connection is older than this one's, so the process has that request when this answer comes.
    await get(`${url}/healthz/ready`);
    await Promise.all([handle.stop(), handle.stop()]);
    expect(isAlive(handle.pid)).toBe(false);
    expect(await unanswered).toMatch(/socket hang up|ECONNRESET/);
    const { gateway: killed } = await started();
    process.kill(killed.pid, 'SIGKILL');
    await killed.stop();
    expect(isAlive(killed.pid)).toBe(false);
  });

  it('does not outlive the process that started it', async () => {
    const pairs = await freePairs(1, 2);
    const parent = join(dirname(program.path), 'parent.mjs');
    const start = { side: 'source', listen: pairs, adminPort: 0, workload: 'w', seed: 1 };
    await writeFile(
      parent,
      `import { fork } from 'node:child_process';
       const child = fork(${JSON.stringify(program.path)}, [${JSON.stringify(JSON.stringify(start))}], { stdio: 'ignore' });
       child.on('message', (message) => message.kind === 'ready' && process.send(child.pid));`,
    );
    const middle = fork(parent, [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const pid = await new Promise<number>((resolve) => middle.once('message', (message) => resolve(Number(message))));
    expect((await get(urlOf(pairs[0]))).status).toBe(200);
    middle.kill('SIGKILL');
    await until('the gateway is gone', () => !isAlive(pid));
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
