import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChangeRefused, type Control, startControl, UnknownSubset } from '../../../src/sandbox/control/control.ts';

let control: Control;
let changes: unknown[] = [];

beforeAll(async () => {
  const note = async (change: unknown): Promise<unknown> => {
    changes.push(change);
    return change;
  };
  control = await startControl({
    state: () => ({ loadBalancers: {} }),
    counters: () => ({ source: {} }),
    chat: () => [],
    setGateway: (side, change) => {
      if (change.backends === 3) throw new ChangeRefused('both sides share the nodes');
      return note({ [side]: change });
    },
    setSubset: (host, subset, change) => {
      if (subset !== 'v1') throw new UnknownSubset(`/subsets/${host}/${subset}`, ['/subsets/default/reviews/v1']);
      return note({ [`${host} ${subset}`]: change });
    },
    setClients: note,
    putFaults: note,
    clearFaults: () => note('cleared'),
  });
});

afterAll(() => control.stop());
afterEach(() => {
  changes = [];
});

const send = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${control.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    allow: answer.headers.get('allow'),
    body: (await answer.json()) as Record<string, unknown>,
  };
};

describe('the control API', () => {
  it('answers what it is asked', async () => {
    expect(await send('GET', '/state')).toMatchObject({ status: 200, body: { loadBalancers: {} } });
    expect(await send('GET', '/counters')).toMatchObject({ status: 200, body: { source: {} } });
    expect(await send('GET', '/chat')).toMatchObject({ status: 200, body: [] });
    expect(await send('GET', '/')).toMatchObject({ status: 200, body: { describedBy: `${control.url}/openapi.json` } });
  });

  it('passes every change on as it was given', async () => {
    await send('PUT', '/gateways/target', { errorRate: 0.5, latencyMs: 20, probes: false, backends: 5 });
    await send('PUT', '/gateways/source', {});
    await send('PUT', '/subsets/default/reviews/v1', { errorRate: 0.25 });
    await send('PUT', '/clients', { ratePerSecond: 50, connections: 4, direct: 2.5 });
    await send('PUT', '/faults', [{ where: 'clb', kind: 'error', rate: 0.5, status: 503, forMs: 1000 }]);
    await send('DELETE', '/faults');
    expect(changes).toEqual([
      { target: { errorRate: 0.5, latencyMs: 20, probes: false, backends: 5 } },
      { source: {} },
      { 'default/reviews v1': { errorRate: 0.25 } },
      { ratePerSecond: 50, connections: 4, direct: 2.5 },
      [{ where: 'clb', kind: 'error', rate: 0.5, status: 503, forMs: 1000 }],
      'cleared',
    ]);
  });

  it('lists all mistakes of a body with their paths and changes nothing', async () => {
    const answer = await send('PUT', '/gateways/target', { errorRate: 2, latencyMs: 1.5, probes: 'no', backend: 3 });
    expect(answer.status).toBe(400);
    const mistakes = answer.body['mistakes'] as string[];
    expect(mistakes.map((mistake) => mistake.split(':', 1)[0])).toEqual([
      'errorRate',
      'latencyMs',
      'probes',
      'backend',
    ]);
    expect(changes).toEqual([]);
  });

  it.each([-1, 2001, '3'])('refuses %o direct requests a second', async (direct) => {
    const answer = await send('PUT', '/clients', { direct });
    expect(answer).toMatchObject({ status: 400, body: { mistakes: [expect.stringMatching(/^direct: /)] } });
    expect(changes).toEqual([]);
  });

  it('says which subsets there are where one is asked for that is not there', async () => {
    const answer = await send('PUT', '/subsets/default/reviews/v9', { errorRate: 1 });
    expect(answer).toMatchObject({ status: 404, body: { paths: ['/subsets/default/reviews/v1'] } });
    expect((await send('PUT', '/subsets/default/reviews/v1', { errorRate: 2 })).status).toBe(400);
    expect((await send('PUT', '/subsets/reviews/v1', { errorRate: 1 })).status).toBe(404);
    expect(changes).toEqual([]);
  });

  it('refuses a fault that would do nothing, and says what the place knows', async () => {
    const answer = await send('PUT', '/faults', [
      { where: 'chat', kind: 'kill' },
      { where: 'moon', kind: 'error' },
    ]);
    expect(answer.status).toBe(400);
    expect(answer.body['mistakes']).toEqual([
      '0.kind: "kill" does nothing at chat (there: error, delay, drop, stall)',
      expect.stringMatching(/^1\.where: /),
    ]);
  });

  it('answers 400 to a body that is no JSON and to a change that cannot be made', async () => {
    expect((await send('PUT', '/clients', '{')).body['mistakes']).toEqual([expect.stringMatching(/^body: not JSON/)]);
    expect(await send('PUT', '/gateways/target', { backends: 3 })).toMatchObject({
      status: 400,
      body: { mistakes: ['both sides share the nodes'] },
    });
  });

  it('answers 404, 405 with the methods, and 413', async () => {
    expect((await send('GET', '/gateways/middle')).status).toBe(404);
    expect(await send('POST', '/faults', [])).toMatchObject({ status: 405, allow: 'PUT, DELETE' });
    expect((await send('PUT', '/faults', ' '.repeat(70_000))).status).toBe(413);
  });

  it('describes every path it has', async () => {
    const { body } = await send('GET', '/openapi.json');
    expect(Object.keys(body['paths'] as object)).toEqual([
      '/state',
      '/counters',
      '/gateways/{side}',
      '/subsets/{namespace}/{host}/{subset}',
      '/clients',
      '/faults',
      '/chat',
    ]);
    expect(JSON.stringify(body)).toContain('"ratePerSecond":{"type":"number"');
  });
});
