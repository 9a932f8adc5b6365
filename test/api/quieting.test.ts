import { beforeEach, describe, expect, test } from 'vitest';
import { aFile, anInstallation, type Installation, yaml } from './requests.ts';

let installation: Installation;
const path = '/v1/migrations/shop-ingress/quiet';

beforeEach(async () => {
  installation = anInstallation();
  await installation.send({ method: 'POST', path: '/v1/migrations', headers: yaml, body: aFile() });
});

const minuteMs = 60_000;

/** Minutes of the source up to now, with so many requests each. */
async function counted(minutes: number, requests: number): Promise<void> {
  const { world } = installation;
  const numbers = { instance: 'a', ms: minuteMs, errors: 0, direct: Math.min(1, requests), connections: 3 };
  const samples = Array.from({ length: minutes }, (_, index) => ({
    ...{ side: 'source' as const, fromMs: world.nowMs - (index + 1) * minuteMs, requests },
    ...numbers,
  }));
  await world.ports.signals.record('shop-ingress', samples);
}

describe('GET /v1/migrations/{name}/quiet', () => {
  test('answers what was counted at the source in that time', async () => {
    await counted(10, 4);
    const { status, json } = await installation.send({ path, query: { for: '5m' } });
    expect({ status, json }).toMatchObject({
      status: 200,
      json: { isCounted: true, requests: 20, direct: 5, connections: 3 },
    });
    expect(Date.parse(json.to) - Date.parse(json.from)).toBe(5 * minuteMs);
    expect((await installation.send({ path })).json.requests).toBe(40);
  });

  test('answers that nobody counted, and never a zero in place of it', async () => {
    expect((await installation.send({ path })).json).toMatchObject({
      isCounted: false,
      requests: null,
      connections: null,
    });
    await counted(3, 0);
    expect((await installation.send({ path })).json).toMatchObject({ isCounted: false, requests: 0 });
  });

  test.each(['ten', '10s', '2d', '-5m'])('refuses %s as a time', async (time) => {
    expect((await installation.send({ path, query: { for: time } })).status).toBe(422);
  });

  test('knows no migration that is not there, however quiet', async () => {
    expect((await installation.send({ path: '/v1/migrations/nobody/quiet' })).status).toBe(404);
  });
});
