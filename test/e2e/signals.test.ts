import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../src/domain/view.ts';
import { type PrometheusServer, startPrometheus } from '../fixtures/prometheus-server.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { type RunningServe, startServe, writeMigration } from '../fixtures/running-serve.ts';

interface GatewaysState {
  readonly gateways: Readonly<Record<'source' | 'target', { readonly metrics: string }>>;
}

let home: string;
let sandbox: RunningSandbox;
let prometheus: PrometheusServer;
let serve: RunningServe;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-signals-'));
  // Real time: a Prometheus lives in no other.
  sandbox = await startSandbox(
    '--seed',
    '3',
    '--rate',
    '100',
    '--controller-latency',
    '300ms',
    '--mesh-latency',
    '300ms',
  );
  const { gateways } = await sandbox.control<GatewaysState>('GET', '/state');
  const scraped = [gateways.source, gateways.target].map(({ metrics }) => metrics.replace('http://', ''));
  prometheus = await startPrometheus({ scraped });
  // A start is refused while nobody has counted two windows, and a quick machine is here sooner.
  await until(async () => (await asked('min(count_over_time(istio_requests_total[1m]))')) >= 20, 60_000);
  const described = join(home, 'sandbox.json');
  await writeFile(described, sandbox.stdout());
  serve = await startServe(['--sandbox', described, '--data', join(home, 'data')], {
    HOME: home,
    SLUICE_SIGNALS: JSON.stringify({
      main: { kind: 'prometheus', url: 'env:PROMETHEUS_URL', window: '5s', delay: '2s' },
    }),
    PROMETHEUS_URL: prometheus.url,
  });
}, 120_000);

afterAll(async () => {
  await serve?.stop();
  await prometheus?.stop();
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

/** The first value that the Prometheus answers to a query; 0 where it finds nothing. */
async function asked(query: string): Promise<number> {
  const answer = await fetch(`${prometheus.url}/api/v1/query?${new URLSearchParams({ query })}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 0);
}

async function start(name: string, more = ''): Promise<void> {
  const analysis = `analysis: { signals: main, errorRate: { minRequests: 50 }${more} }`;
  const steps = 'steps: [{ share: 50, bake: 10s }]';
  const file = await writeMigration(home, name, steps, 'finish: return', 'settle: 0s', analysis);
  expect(await serve.sluice('start', '-f', file)).toMatchObject({ code: 0 });
}

const ended = (name: string): Promise<MigrationView> =>
  until(async () => {
    const view = await serve.get(name);
    return view.isFinal ? view : null;
  }, 90_000);

async function expectBaseline(): Promise<void> {
  expect(await sandbox.weights('rsp-pub-80', 'istio-ingressgateway')).toEqual([33, 33, 33]);
  expect(await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([0, 0, 0]);
}

describe('a Prometheus that scrapes the gateways', () => {
  it('lets a healthy migration pass on what it counted, with nobody who pushes', async () => {
    await start('healthy');
    const view = await ended('healthy');
    expect(view).toMatchObject({ state: 'rolledBack', reason: 'the canary is over' });
    await expectBaseline();
  }, 120_000);

  it('has errors of the target alone rolled back', async () => {
    await sandbox.control('PUT', '/gateways/target', { errorRate: 0.3 });
    await start('errors');
    const view = await ended('errors');
    expect(view.state).toBe('rolledBack');
    expect(view.verdict).toMatchObject({ kind: 'fail', source: { errors: 0 } });
    expect(view.verdict?.target.errors).toBeGreaterThan(0);
    await expectBaseline();
    await sandbox.control('PUT', '/gateways/target', { errorRate: 0 });
  }, 120_000);

  it('has a target that became slow rolled back, by the buckets of its histogram', async () => {
    await sandbox.control('PUT', '/gateways/target', { latencyMs: 700 });
    await start('slow', ', latency: { over: 500ms }');
    const view = await ended('slow');
    expect(view.state).toBe('rolledBack');
    expect(view.verdict).toMatchObject({ kind: 'fail', metric: 'latency', source: { errors: 0 } });
    expect(view.verdict?.target.errors).toBeGreaterThan(0);
    await expectBaseline();
    await sandbox.control('PUT', '/gateways/target', { latencyMs: 0 });
  }, 120_000);

  it('counts what the gateways counted, to the last request', async () => {
    await sandbox.control('PUT', '/clients', { ratePerSecond: 0 });
    const query = 'sum(istio_requests_total)';
    await until(async () => {
      const { source, target } = await sandbox.counters();
      return (await asked(query)) === source.sinceStart.requests + target.sinceStart.requests;
    });
    await sandbox.control('PUT', '/clients', { ratePerSecond: 100 });
  }, 60_000);
});

describe('an alert', () => {
  it('that is sent to sluice serve brings a migration back, and refuses the next start', async () => {
    await start('alerted');
    await until(async () => (await serve.get('alerted')).state === 'progressing.baking', 60_000);
    const labels = { alertname: 'CheckoutFails', sluice_migration: 'alerted' };
    const alert = { status: 'firing', labels, annotations: {}, startsAt: new Date().toISOString(), fingerprint: 'a1' };
    const answer = await fetch(`${serve.url}/v1/hooks/alertmanager`, {
      method: 'POST',
      headers: { authorization: `Bearer ${serve.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ alerts: [alert] }),
    });
    expect(answer.status).toBe(202);
    expect(await ended('alerted')).toMatchObject({ state: 'rolledBack', reason: 'an alert is firing: CheckoutFails' });
    await expectBaseline();
    await start('alerted');
    expect(await ended('alerted')).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('CheckoutFails'),
    });
  }, 120_000);
});
