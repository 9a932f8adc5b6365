import { beforeEach, describe, expect, test } from 'vitest';
import type { Alert } from '../../src/domain/alert.ts';
import { advance } from '../../src/engine/advance.ts';
import { aFile, anInstallation, type Installation, yaml } from './requests.ts';

const name = 'shop-ingress';
const reporter = { authorization: 'Bearer agents-token' };
let installation: Installation;

beforeEach(() => {
  installation = anInstallation();
});

/** As Alertmanager 0.25 sends it. */
function anAlert(fields: object = {}, labels: object = { sluice_migration: name }) {
  return {
    status: 'firing',
    labels: { alertname: 'TooManyErrors', severity: 'page', ...labels },
    annotations: { summary: '5 % of the answers are 5xx', runbook_url: 'https://example.com' },
    startsAt: '1970-01-01T00:10:00.123456789Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus:9090/graph',
    fingerprint: 'c6eadffa33fcdf37',
    ...fields,
  };
}

const alertmanager = (alerts: readonly object[], query: Record<string, string> = {}, headers: object = reporter) =>
  installation.send({
    ...{ method: 'POST', path: '/v1/hooks/alertmanager', query, headers: { ...headers } },
    body: { version: '4', groupKey: '{}', truncatedAlerts: 0, receiver: 'sluice', status: 'firing', alerts },
  });

/** As CloudMonitor documents its callback. */
function aCallback(fields: object = {}) {
  return {
    ...{ userId: '12345', alertName: 'clb-5xx', ruleId: 'rule-1', timestamp: '1200', alertState: 'ALERT' },
    ...{ dimensions: '{instanceId=lb-public}', instanceName: 'shop', metricName: 'StatusCode5xx', curValue: '95' },
    ...fields,
  };
}

const noHeader = { authorization: '' };
const cloudMonitor = (body: unknown, query: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  installation.send({
    ...{ method: 'POST', path: '/v1/hooks/cloudmonitor', body, headers: { ...noHeader, ...headers } },
    query: { migration: name, token: 'agents-token', ...query },
  });

async function start(analysis = ''): Promise<void> {
  const body = `${aFile()}${analysis && `  analysis: ${analysis}\n`}`;
  expect((await installation.send({ method: 'POST', path: '/v1/migrations', headers: yaml, body })).status).toBe(201);
}

/** Lets so much time pass, with a tick each second. */
async function live(seconds: number): Promise<void> {
  const { world } = installation;
  for (let second = 0; second < seconds; second += 1) {
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
}

const view = async () => (await installation.send({ path: `/v1/migrations/${name}` })).json;
const kept = (of = name): Promise<readonly Alert[]> => installation.world.ports.alerts.read(of);

describe('alerts of Alertmanager', () => {
  test('that fires rolls back the migration that it names, with its own words', async () => {
    await start();
    await live(20);
    expect((await view()).state).toBe('progressing.baking');
    expect(await alertmanager([anAlert()])).toMatchObject({ status: 202, json: { accepted: 1, skipped: 0 } });
    await live(30);
    expect(await view()).toMatchObject({
      state: 'rolledBack',
      reason: 'an alert is firing: TooManyErrors: 5 % of the answers are 5xx',
    });
    expect(installation.world.share()).toBe(0);
  });

  test('acts also where no source of signals can be read', async () => {
    await start();
    await live(20);
    const { ports } = installation.world;
    const signals = { ...ports.signals, read: () => Promise.reject(new Error('Redis is gone')) };
    installation.world.ports = { ...ports, signals };
    await alertmanager([anAlert()]);
    await live(30);
    expect((await view()).state).toBe('rolledBack');
  });

  test('refuses a start while it fires, and no longer when it is resolved', async () => {
    await alertmanager([anAlert()]);
    await start();
    await live(5);
    expect(await view()).toMatchObject({ state: 'refused', reason: expect.stringContaining('5 % of the answers') });
    await alertmanager([anAlert({ status: 'resolved' })]);
    await start();
    await live(20);
    expect((await view()).state).toBe('progressing.baking');
  });

  test('that fires at the start is lived with where the file says so; one that begins later is not', async () => {
    await alertmanager([anAlert()]);
    await start('{ alerts: { atStart: ignore } }');
    await live(30);
    await alertmanager([anAlert()]);
    await live(20);
    expect((await view()).state).toBe('progressing.baking');
    const startsAt = new Date(installation.world.nowMs).toISOString();
    await alertmanager([anAlert({ startsAt, fingerprint: 'another' })]);
    await live(30);
    expect((await view()).state).toBe('rolledBack');
  });

  test('that is sent again, late or twice, is the same alert', async () => {
    await alertmanager([anAlert(), anAlert()]);
    await alertmanager([anAlert({ status: 'resolved' })]);
    await alertmanager([anAlert()]);
    await start();
    await live(20);
    expect((await view()).state).toBe('progressing.baking');
  });

  test('names its migration by either label, or the address names it for all', async () => {
    await alertmanager([
      anAlert({}, { migration: 'by-label' }),
      anAlert({}, { sluice_migration: 'by-ours', migration: 'x' }),
    ]);
    await alertmanager([anAlert({}, {})], { migration: 'by-address' });
    for (const of of ['by-label', 'by-ours', 'by-address']) expect(await kept(of)).toHaveLength(1);
    expect(await kept('x')).toEqual([]);
  });

  test('of something else is passed over; that none is about a migration is told', async () => {
    const others = [anAlert({}, {}), anAlert({}, { migration: 'No Name' })];
    expect((await alertmanager([anAlert(), ...others])).json).toEqual({ accepted: 1, skipped: 2 });
    const answer = await alertmanager(others);
    expect(answer).toMatchObject({ status: 422, json: { problems: [{ path: 'alerts' }] } });
  });

  test('is one line of text, however long and whatever it holds', async () => {
    await alertmanager([anAlert({ annotations: { summary: `a\n\u001b[2Jb${'x'.repeat(5_000)}` } })]);
    const [report] = await kept();
    expect(report?.text).toMatch(/^TooManyErrors: a \[2Jbx+$/);
    expect(report?.text).toHaveLength(300);
  });

  const least = { status: 'firing', labels: {}, startsAt: '2026-01-01T00:00:00Z' };
  test.each([
    ['without alerts', [], 'alerts', 'needs at least one alert'],
    ['that are no list', 'many', 'alerts', 'must be a list of alerts'],
    ['in another state', [{ ...least, status: 'on' }], 'alerts[0].status', 'must be firing'],
    ['with labels that are no texts', [{ ...least, labels: { a: 1 } }], 'alerts[0].labels.a', 'must be a text'],
    ['with another form of time', [{ ...least, startsAt: 'soon' }], 'alerts[0].startsAt', 'must be an ISO 8601 time'],
    ['in a crowd', Array.from({ length: 1001 }, () => least), 'alerts', 'has more than 1000 alerts'],
  ])('%s is refused', async (_, alerts, path, message) => {
    const body = { alerts };
    const { status, json } = await installation.send({ method: 'POST', path: '/v1/hooks/alertmanager', body });
    expect(status).toBe(422);
    expect(json.problems[0]).toEqual({ path, message: expect.stringContaining(message) });
    expect(await kept()).toEqual([]);
  });

  test('is taken from a reporter, in a header only', async () => {
    expect((await alertmanager([anAlert()], {}, { authorization: 'Bearer walls-token' })).status).toBe(403);
    expect((await alertmanager([anAlert()], {}, { authorization: '' })).status).toBe(401);
    expect((await alertmanager([anAlert()], { token: 'agents-token' }, { authorization: '' })).status).toBe(401);
    expect(await kept()).toEqual([]);
  });
});

describe('a callback of CloudMonitor', () => {
  test('fails the migration that the address names until it is OK again', async () => {
    expect(await cloudMonitor(aCallback())).toMatchObject({ status: 202, json: { accepted: 1 } });
    await start();
    await live(5);
    expect(await view()).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('an alert is firing: clb-5xx: StatusCode5xx is 95 at shop'),
    });
    await cloudMonitor(aCallback({ alertState: 'OK', timestamp: '1300' }));
    // Sent again: what was before counts no more.
    await cloudMonitor(aCallback());
    await start();
    await live(20);
    expect((await view()).state).toBe('progressing.baking');
  });

  test('may be a form, and its time in milliseconds', async () => {
    const form = new URLSearchParams(aCallback({ timestamp: '1508136760000', alertState: 'ALARM' })).toString();
    const answer = await cloudMonitor(form, {}, { 'content-type': 'application/x-www-form-urlencoded' });
    expect(answer.status).toBe(202);
    expect(await kept()).toMatchObject([{ status: 'firing', startsAtMs: 1_508_136_760_000 }]);
  });

  test('without data says nothing of the target', async () => {
    expect((await cloudMonitor(aCallback({ alertState: 'INSUFFICIENT_DATA' }))).json).toEqual({
      accepted: 0,
      skipped: 1,
    });
    expect(await kept()).toEqual([]);
  });

  test('needs a token in the address or a header, and the name of a migration', async () => {
    expect((await cloudMonitor(aCallback(), { token: 'wrong' })).status).toBe(401);
    expect((await cloudMonitor(aCallback(), { token: 'walls-token' })).status).toBe(403);
    expect((await cloudMonitor(aCallback(), { token: 'wrong' }, reporter)).status).toBe(202);
    expect((await cloudMonitor(aCallback(), { migration: 'No Name' })).status).toBe(422);
    expect((await cloudMonitor(aCallback({ timestamp: 'now' }))).json.problems[0].path).toBe('timestamp');
    expect((await cloudMonitor('<xml/>', {}, { 'content-type': 'text/xml' })).status).toBe(415);
  });
});
