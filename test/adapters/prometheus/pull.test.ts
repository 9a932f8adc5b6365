import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySignals } from '../../../src/adapters/memory/signals.ts';
import { type PulledSource, pulledSignals } from '../../../src/adapters/prometheus/signals.ts';
import type { Sample } from '../../../src/domain/verdict.ts';
import { aRoute } from '../../fixtures/builders.ts';
import { type PrometheusServer, startPrometheus } from '../../fixtures/prometheus-server.ts';

const startS = Date.parse('2026-01-05T08:00:00Z') / 1000;
const ms = (second: number) => (startS + second) * 1000;
const asm = 'istio-ingressgateway-asm';

interface Counter {
  readonly workload?: string;
  readonly pod?: string;
  readonly code?: string;
  readonly name?: string;
}

/** The lines of one counter that is scraped every 5 seconds: what it shows at a second, null where it is not shown. */
function counter(
  { workload = 'istio-ingressgateway', pod = 'gw-1', code = '200', name = 'istio_requests' }: Counter,
  at: (second: number) => number | null,
): readonly string[] {
  const labels = `reporter="source",source_workload="${workload}",source_workload_namespace="istio-system",pod="${pod}",response_code="${code}"`;
  return Array.from({ length: 61 }, (_, index) => index * 5).flatMap((second) => {
    const value = at(second);
    return value === null ? [] : [`${name}_total{${labels}} ${value} ${startS + second}`];
  });
}

const families = {
  istio_requests: [
    // 10 a second at the source, 2 a second at the target, whose errors begin at second 60: nobody showed them before.
    ...counter({}, (second) => 1_000_000 + second * 10),
    ...counter({ workload: asm, pod: 'asm-1' }, (second) => second * 2),
    ...counter({ workload: asm, pod: 'asm-1', code: '503' }, (second) => (second < 60 ? null : second - 59)),
    // Others that have nothing to do with it.
    ...counter({ workload: 'istio-ingressgateway-blue', pod: 'blue-1' }, (second) => second * 1000),
  ],
  // Restarted at second 50, between two windows' bounds.
  restarted: counter({ name: 'restarted' }, (second) => (second < 50 ? 500 + second : second - 50)),
  // Not scraped from second 60 to 120.
  gap: counter({ name: 'gap' }, (second) => (second > 60 && second < 120 ? null : second * 2)),
  // A second pod comes at 100, with a past of its own.
  joined: [
    ...counter({ name: 'joined' }, (second) => second),
    ...counter({ name: 'joined', pod: 'gw-2' }, (second) => (second < 100 ? null : 70_000 + second)),
  ],
  // A counter of one code that is no longer shown: the sum falls, and nothing began anew.
  evicted: [
    ...counter({ name: 'evicted' }, (second) => 100 + second),
    ...counter({ name: 'evicted', code: '404' }, (second) => (second < 60 ? 50_000 : null)),
  ],
  // Out of numbers for one scrape, and for three.
  nan: counter({ name: 'nan' }, (second) => (second === 60 || (second >= 130 && second <= 140) ? Number.NaN : second)),
  // More of them than of what they are a part of.
  worse: counter({ name: 'worse' }, (second) => second * 1000),
  below: counter({ name: 'below' }, (second) => -second),
};

function past(): string {
  return Object.entries(families)
    .flatMap(([name, lines]) => [`# TYPE ${name} ${name === 'below' ? 'unknown' : 'counter'}`, ...lines])
    .join('\n')
    .replaceAll('below_total', 'below');
}

let prometheus: PrometheusServer;
beforeAll(async () => {
  prometheus = await startPrometheus({ past: past() });
}, 60_000);
afterAll(() => prometheus?.stop());

interface Asked {
  readonly source?: Partial<PulledSource>;
  readonly now?: number;
  readonly since?: number;
}

const spec = { routes: [aRoute()], subsets: [], analysis: { latency: null } };

function signalsAt(nowS: () => number, source: Partial<PulledSource> = {}) {
  const main: PulledSource = {
    ...{ url: () => prometheus.url, token: null, queries: null, timeoutMs: 5_000 },
    ...{ windowMs: 15_000, delayMs: 5_000, patienceMs: 0 },
    ...source,
  };
  return pulledSignals(memorySignals(), { sources: { main }, now: async () => ms(nowS()) });
}

function pulled({ source, now = 300, since = 0 }: Asked = {}): Promise<readonly Sample[]> {
  return signalsAt(() => now, source).read('shop', ms(since), { source: 'main', spec });
}

const ofSide = (samples: readonly Sample[], side: Sample['side']) => samples.filter((sample) => sample.side === side);
const own = (name: string, errors = name): Partial<PulledSource> => ({
  queries: { requests: `${name}_total{source_workload=~"$workload"}`, errors: `${errors}_total{response_code="500"}` },
});
const requestsIn = async (name: string) =>
  Object.fromEntries(
    ofSide(await pulled({ source: own(name) }), 'source').map(({ fromMs, requests }) => [
      fromMs / 1000 - startS,
      requests,
    ]),
  );

describe('signals pulled from a Prometheus', () => {
  test('are what both gateways counted, in windows that lie on whole multiples', async () => {
    const samples = await pulled({ now: 66 });
    expect(ofSide(samples, 'source')).toEqual(
      [0, 15, 30, 45].map((second) => ({
        ...{ side: 'source', instance: 'prometheus', fromMs: ms(second), ms: 15_000, requests: 150, errors: 0 },
      })),
    );
    expect(ofSide(samples, 'target').map(({ requests }) => requests)).toEqual([30, 30, 30, 30 + 1]);
  });

  test('count the errors of a counter that is made with the first error', async () => {
    const target = ofSide(await pulled({ now: 125, since: 45 }), 'target');
    expect(target.map(({ requests, errors }) => [requests, errors])).toEqual([
      [31, 1],
      [45, 15],
      [45, 15],
      [45, 15],
      [45, 15],
    ]);
  });

  test('are asked for once: a later look asks for what is new and gives all of it', async () => {
    let now = 66;
    const signals = signalsAt(() => now);
    const ask = () => signals.read('shop', ms(0), { source: 'main', spec });
    const [first] = [await ask()];
    now = 96;
    const second = await ask();
    expect(ofSide(second, 'source')).toHaveLength(6);
    expect(second).toEqual(expect.arrayContaining([...first]));
    expect(await signals.read('shop', ms(0))).toEqual([]);
  });

  test('go on from zero where a pod began anew', async () => {
    expect(await requestsIn('restarted')).toMatchObject({ 30: 15, 45: 10, 60: 15 });
  });

  test('leave out windows that begin or end in a gap', async () => {
    const windows = await requestsIn('gap');
    expect(Object.keys(windows).map(Number)).toEqual([
      0, 15, 30, 45, 120, 135, 150, 165, 180, 195, 210, 225, 240, 255, 270,
    ]);
    expect(windows[120]).toBe(30);
  });

  test('take no notice of what a pod counted before it was seen', async () => {
    expect(await requestsIn('joined')).toMatchObject({ 90: 15, 105: 30, 120: 30 });
  });

  test('do not take a counter that is no longer shown for a restart', async () => {
    expect(await requestsIn('evicted')).toMatchObject({ 30: 15, 45: 15, 60: 15, 75: 15 });
  });

  test('do not move by values that are no numbers', async () => {
    const windows = await requestsIn('nan');
    expect(windows).toMatchObject({ 30: 15, 75: 15, 105: 15 });
    expect(windows[45]).toBeUndefined();
    expect(Math.max(...Object.values(windows))).toBe(15);
  });
});

describe('a query that gives no counters', () => {
  const says = (queries: PulledSource['queries']) => expect(pulled({ source: { queries } })).rejects;
  const requests = 'istio_requests_total{source_workload=~"$workload"}';

  test('is told: a range where an instant is wanted', async () => {
    await says({ requests: `${requests}[1m]`, errors: requests }).toThrow(
      /^signals of main: requests of the source: HTTP 400: .*range vector|matrix/,
    );
  });

  test('is told: a number', async () => {
    await says({ requests, errors: '0 * 1' }).toThrow(/errors of the (source|target): HTTP 400: .*scalar/);
  });

  test('is told: nothing at all', async () => {
    await says({ requests: 'nothing_total{a=~"$workload"}', errors: requests }).toThrow(
      'signals of main: requests of the source: the query finds no counter',
    );
  });

  test('is told: PromQL that cannot be read', async () => {
    await says({ requests: 'rate(', errors: requests }).toThrow(/HTTP 400: .*parse error/);
  });

  test('is told: values below zero', async () => {
    await says({ requests: 'below{source_workload=~"$workload"}', errors: requests }).toThrow(
      'no counter is below zero',
    );
  });

  test('is told: more errors than requests', async () => {
    await says({ requests, errors: 'worse_total' }).toThrow('the queries do not count the same');
  });

  test('may end in a comment', async () => {
    const queries = {
      requests: `${requests} # all of them`,
      errors: 'istio_requests_total{response_code="503"} # bad',
    };
    expect(await pulled({ source: { queries } })).not.toEqual([]);
  });
});
