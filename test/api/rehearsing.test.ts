import { beforeEach, describe, expect, test } from 'vitest';
import { ForbiddenError } from '../../src/ports/errors.ts';
import { aFile, anInstallation, commandsOf, type Installation, tick, yaml } from './requests.ts';

let installation: Installation;
let send: Installation['send'];

beforeEach(() => {
  installation = anInstallation();
  send = installation.send;
});

const path = '/v1/migrations/shop-ingress/rehearse';
const rehearse = (body: string | undefined = aFile(), headers: Readonly<Record<string, string>> = {}) =>
  send({ method: 'POST', path, body, headers: { ...(body === '' ? {} : yaml), ...headers } });

describe('a rehearsal over the API', () => {
  test('runs from a file, and tells what it measured', async () => {
    expect((await rehearse()).status).toBe(201);
    await tick(installation, 60);
    const { json } = await send({ path: '/v1/migrations/shop-ingress' });
    expect(json).toMatchObject({ state: 'rolledBack', reason: 'the rehearsal is over' });
    expect(json.rehearsal).toMatchObject({ glass: { problem: null }, writeMs: expect.any(Number) });
  });

  test('of gateways that may not be read says which right is missing', async () => {
    const found = 'cluster ack: get services: forbidden (403); missing permission: get services in namespace a';
    installation.world.onCall = (call) => {
      if (call === 'router.read') throw new ForbiddenError(found);
    };
    expect(await rehearse()).toMatchObject({ status: 422, json: { detail: `readable: ${found}` } });
  });

  test('is only planned where that is asked, and nothing is written', async () => {
    const answer = await send({ method: 'POST', path, query: { dryRun: 'true' }, headers: yaml, body: aFile() });
    expect(answer.status).toBe(200);
    expect(answer.json.plan.routes[0].ports[0].steps.map(({ asked }: { asked: number }) => asked)).toEqual([0, 2.94]);
    expect((await send({ path: '/v1/migrations/shop-ingress' })).status).toBe(404);
    expect(installation.world.calls.some((call) => call.startsWith('router.write'))).toBe(false);
  });

  test('without a file is of the last run of the name', async () => {
    expect((await rehearse('')).json.detail).toContain('there was no migration shop-ingress yet: send its file');
    await rehearse();
    await tick(installation, 60);
    expect((await rehearse('')).status).toBe(201);
    expect(await commandsOf(installation)).toEqual(['rehearse shop-ingress', 'rehearse shop-ingress']);
  });

  test('of another name than the path says is refused', async () => {
    const { status, json } = await rehearse(aFile('other'));
    expect(status).toBe(422);
    expect(json.problems).toEqual([{ path: 'metadata.name', message: 'is other, and the path says shop-ingress' }]);
  });

  test('with an Idempotency-Key and again is one run', async () => {
    const key = { 'idempotency-key': 'k1' };
    const first = await rehearse(aFile(), key);
    const second = await rehearse(aFile(), key);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.json.run).toBe(first.json.run);
    expect(await commandsOf(installation)).toEqual(['rehearse shop-ingress']);
  });

  test('moves all routes together, whatever order the migration will take', async () => {
    const file = aFile().replace('  settle: 0s', '  routeOrder: sequential\n  settle: 0s');
    const { json } = await rehearse(file);
    expect(json.spec.routeOrder).toBe('together');
  });
});
