import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually, gatewayService, type Reply, servicePath, startWorld, type World } from './api-server.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

const now = () => ({ now: Date.now(), manager: 'test' });

/** The lines of a watch that ends by itself after a second. */
async function watched(query: string): Promise<readonly { type: string; object: Reply['body'] }[]> {
  const { text } = await world.ask(`${servicePath}?watch=true&timeoutSeconds=1&${query}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe('a watch over HTTP', () => {
  it('begins with what there is, or goes on after a resourceVersion', async () => {
    const created = world.server.model.create('services', gatewayService, now());
    const { resourceVersion } = created.metadata;
    expect((await watched('')).map(({ type }) => type)).toEqual(['ADDED']);
    expect(await watched(`resourceVersion=${resourceVersion}`)).toEqual([]);
    const merge = { kind: 'merge', body: { metadata: { annotations: { weight: '1' } } } } as const;
    world.server.model.patch('services', { namespace: 'istio-system', name: 'gw' }, merge, now());
    const [event] = await watched(`resourceVersion=${resourceVersion}`);
    expect(event).toMatchObject({ type: 'MODIFIED', object: { metadata: { annotations: { weight: '1' } } } });
  });

  it('tells the end of the initial events with a bookmark', async () => {
    const events = await watched('sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan');
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    expect(events[1]?.object).toMatchObject({ kind: 'Service', metadata: { annotations } });
  });

  it('answers 410 as an ERROR event when the history is gone', async () => {
    world.server.model.compact();
    const [event, ...rest] = await watched('resourceVersion=1');
    expect(rest).toEqual([]);
    expect(event?.type).toBe('ERROR');
    expect(event?.object).toMatchObject({ kind: 'Status', reason: 'Expired', code: 410, status: 'Failure' });
    expect(event?.object['message']).toMatch(/^too old resource version: 1 \(\d+\)$/);
  });

  it('is cut by a drop that is put in force, and the server goes on', async () => {
    const watch = openWatch();
    await eventually(() => watch.text().includes('ADDED'), watch.text);
    world.faults.put([{ where: 'ack', kind: 'drop' }]);
    await eventually(watch.isCut, watch.text);
    await expect(world.ask(servicePath)).rejects.toThrow(/socket hang up|ECONNRESET/);
    world.faults.clear();
    expect((await world.ask(servicePath)).status).toBe(200);
  });
});

function openWatch() {
  const { server } = world;
  const config = parse(server.kubeconfig);
  const ca = Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64');
  const headers = { authorization: `Bearer ${config.users[0].user.token}` };
  let text = '';
  let isCut = false;
  const sent = request(`${server.url}${servicePath}?watch=true`, { ca, headers, agent: false }, (response) => {
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('error', () => {
      isCut = true;
    });
  });
  sent.on('error', () => {
    isCut = true;
  });
  sent.end();
  return { text: () => text, isCut: () => isCut };
}

describe('a fault at the API server', () => {
  it('answers with the status asked for, 500 without one', async () => {
    world.faults.put([{ where: 'ack', kind: 'error' }]);
    const internal = await world.ask(servicePath);
    expect(internal.status).toBe(500);
    expect(internal.body).toMatchObject({ kind: 'Status', reason: 'InternalError', code: 500 });
    world.faults.put([{ where: 'ack', kind: 'error', status: 429 }]);
    const throttled = await world.ask(servicePath);
    expect(throttled.body).toMatchObject({ reason: 'TooManyRequests', code: 429, details: { retryAfterSeconds: 1 } });
    expect(throttled.headers['retry-after']).toBe('1');
    world.faults.put([{ where: 'asm', kind: 'error' }]);
    expect((await world.ask(servicePath)).status).toBe(200);
    world.faults.clear();
  });

  it('holds a delayed request up and then answers it', async () => {
    world.faults.put([{ where: 'ack', kind: 'delay', forMs: 50 }]);
    expect((await world.ask(servicePath)).status).toBe(200);
    world.faults.clear();
  });

  it('never answers a stalled request', async () => {
    world.faults.put([{ where: 'ack', kind: 'stall', forMs: 50 }]);
    await expect(world.ask(servicePath)).rejects.toThrow(/socket hang up|ECONNRESET/);
    world.faults.clear();
  });
});

describe('stopping', () => {
  it('ends watches and leaves no connection open', async () => {
    const other = await startWorld({ name: 'short-lived' });
    const watch = other.following(['get', 'namespaces', '-w']);
    await eventually(() => watch.printed().includes('istio-system'), watch.printed);
    await other.stop();
    await expect(other.ask('/readyz')).rejects.toThrow('ECONNREFUSED');
  });
});
