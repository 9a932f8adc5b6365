import { beforeEach, describe, expect, test } from 'vitest';
import { aFile, anInstallation, commandsOf, type Installation, tick, yaml } from './requests.ts';

let installation: Installation;
let send: Installation['send'];
const day = 24 * 60 * 60 * 1000;

beforeEach(() => {
  installation = anInstallation();
  send = installation.send;
});

const start = (key: string, body = aFile(), token = 'alices-token') =>
  send({
    method: 'POST',
    path: '/v1/migrations',
    headers: { ...yaml, 'idempotency-key': key, authorization: `Bearer ${token}` },
    body,
  });
const post = (verb: string, key: string, body?: unknown) =>
  send({ method: 'POST', path: `/v1/migrations/shop-ingress/${verb}`, body, headers: { 'idempotency-key': key } });

describe('a start with an Idempotency-Key', () => {
  test('and again is one run', async () => {
    const first = await start('k1');
    const second = await start('k1');
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.json.run).toBe(first.json.run);
    expect(second.headers['location']).toBe(first.headers['location']);
    expect(await commandsOf(installation)).toEqual(['start shop-ingress']);
  });

  test('and again at the same moment is one run', async () => {
    const answers = await Promise.all([start('k1'), start('k1'), start('k1')]);
    const started = answers.filter(({ status }) => status === 201);
    expect(new Set(started.map(({ json }) => json.run)).size).toBe(1);
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    expect(await commandsOf(installation)).toEqual(['start shop-ingress']);
  });

  test('is found again when its run is over', async () => {
    const { json } = await start('k1');
    await post('abort', 'k2');
    await tick(installation, 30);
    expect((await send({ path: '/v1/migrations/shop-ingress' })).json.isFinal).toBe(true);
    expect((await start('k1')).json.run).toBe(json.run);
    expect((await start('k9')).json.run).not.toBe(json.run);
    expect(await start('k1')).toMatchObject({ status: 409 });
  });

  test('that another file had is refused, also for another name', async () => {
    await start('k1');
    expect(await start('k1', aFile().replace('10,', '20,'))).toMatchObject({
      status: 422,
      json: { type: 'urn:sluice:problem:key-reused' },
    });
    expect(await start('k1', aFile('other', 'rsp-other'))).toMatchObject({ status: 422 });
  });

  test('is the key of one caller', async () => {
    await start('k1');
    expect(
      await send({
        method: 'POST',
        path: '/v1/migrations',
        headers: { ...yaml, 'idempotency-key': 'k1', authorization: 'Bearer walls-token' },
        body: aFile(),
      }),
    ).toMatchObject({ status: 403 });
  });

  test('of yesterday is a new request', async () => {
    const { json } = await start('k1');
    await post('abort', 'k2');
    await tick(installation, 30);
    installation.world.nowMs += day + 1;
    const again = await start('k1');
    expect(again.status).toBe(201);
    expect(again.json.run).not.toBe(json.run);
  });

  test('that is no key is 400', async () => {
    expect((await start('two words')).status).toBe(400);
    expect((await start('k'.repeat(256))).status).toBe(400);
    expect((await start('')).status).toBe(400);
  });
});

describe('a command with an Idempotency-Key', () => {
  beforeEach(async () => {
    await start('start');
    await tick(installation, 20);
  });

  test('and again is carried out once, and answered again', async () => {
    expect(await post('pause', 'p1')).toMatchObject({ status: 200, json: { state: 'paused' } });
    const again = await post('pause', 'p1');
    expect(again).toMatchObject({
      status: 200,
      headers: { 'idempotency-replayed': 'true' },
      json: { state: 'paused' },
    });
    expect(await post('pause', 'p2')).toMatchObject({ status: 409 });
    expect(await commandsOf(installation)).toEqual(['start shop-ingress', 'pause']);
  });

  test('sent twice at the same moment skips one step, not two', async () => {
    const answers = await Promise.all([post('promote', 'p1'), post('promote', 'p1')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await commandsOf(installation)).toEqual(['start shop-ingress', 'promote this step']);
  });

  test('that another command had is refused', async () => {
    await post('pause', 'p1');
    expect(await post('resume', 'p1')).toMatchObject({ status: 422 });
    expect(await post('pause', 'p1', {})).toMatchObject({ status: 422 });
  });

  test('that was refused may be sent again', async () => {
    expect((await post('resume', 'r1')).status).toBe(409);
    await post('pause', 'p1');
    expect((await post('resume', 'r1')).status).toBe(200);
  });

  test('whose process died in between is not blocked for ever', async () => {
    const { ports } = installation.world;
    const { claim } = ports.store;
    const taken: (readonly string[])[] = [];
    ports.store.claim = (claims, holder) => {
      taken.push(claims);
      return claim(claims, holder);
    };
    await post('pause', 'p1');
    const lock = taken[0] ?? [];
    await claim(lock, { name: `request-${installation.world.nowMs}`, run: 'died' });
    expect(await post('pause', 'p1')).toMatchObject({ status: 409 });
    installation.world.nowMs += 121_000;
    expect(await post('pause', 'p1')).toMatchObject({ status: 200 });
  });

  test('leaves no mark that people see', async () => {
    await post('pause', 'p1');
    const { json } = await send({ path: '/v1/migrations/shop-ingress/history' });
    expect(json.history.findLast(({ text }: { text: string }) => text === 'pause').actor).toBe('alice');
    expect((await send({ path: '/v1/migrations/shop-ingress' })).json.reason).toBe('paused by alice');
    expect(JSON.stringify(json)).not.toMatch(/#[0-9a-f]{28}/);
  });
});
