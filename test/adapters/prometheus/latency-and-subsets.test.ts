import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySignals } from '../../../src/adapters/memory/signals.ts';
import type { Queries } from '../../../src/adapters/prometheus/queries.ts';
import { pulledSignals } from '../../../src/adapters/prometheus/signals.ts';
import type { Route } from '../../../src/domain/spec.ts';
import type { Sample } from '../../../src/domain/verdict.ts';
import { TerminalError } from '../../../src/ports/errors.ts';
import type { PulledFrom } from '../../../src/ports/signals.ts';
import { anAnalysis, aRoute, aSubsetRoute } from '../../fixtures/builders.ts';
import { type PrometheusServer, startPrometheus } from '../../fixtures/prometheus-server.ts';

const startS = Date.parse('2026-01-05T08:00:00Z') / 1000;
type Labels = Readonly<Record<string, string>>;

/** A counter that is scraped every five seconds for five minutes and grows by so many a second. */
function counter(name: string, labels: Labels, perSecond: number): readonly string[] {
  const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return Array.from({ length: 61 }, (_, index) => index * 5).map(
    (second) => `${name}{${text.join(',')}} ${Number((perSecond * second).toFixed(3))} ${startS + second}`,
  );
}

/** What ends within 0.25, 0.5 and any seconds, a second. */
function histogram(name: string, labels: Labels, perSecond: readonly number[], bounds: readonly string[]) {
  return perSecond.flatMap((rate, index) => counter(`${name}_bucket`, { ...labels, le: bounds[index] ?? '' }, rate));
}

const inMs = ['250', '500', '+Inf'];
const inSeconds = ['0.25', '0.5', '+Inf'];
const gateway = (workload: string) => ({
  ...{ reporter: 'source', source_workload_namespace: 'istio-system', source_workload: workload, pod: workload },
});
const pods = (service: string, version: string, namespace = 'default') => ({
  ...{ reporter: 'destination', destination_service_namespace: namespace, destination_service_name: service },
  ...{ destination_version: version, pod: `${service}-${version}` },
});
const [source, target] = [gateway('istio-ingressgateway'), gateway('istio-ingressgateway-asm')];

function past(): string {
  const duration = 'istio_request_duration_milliseconds';
  return [
    '# TYPE istio_requests counter',
    ...counter('istio_requests_total', { ...source, response_code: '200' }, 10),
    ...counter('istio_requests_total', { ...target, response_code: '200' }, 10),
    ...counter('istio_requests_total', { ...pods('reviews', 'v1'), response_code: '200' }, 4),
    ...counter('istio_requests_total', { ...pods('reviews', 'v2'), response_code: '200' }, 3),
    ...counter('istio_requests_total', { ...pods('reviews', 'v3'), response_code: '200' }, 2),
    ...counter('istio_requests_total', { ...pods('reviews', 'v3'), response_code: '503' }, 1),
    // Neither another host's subset, nor the same host elsewhere, nor one whose name a dot would match.
    ...counter('istio_requests_total', { ...pods('ratings', 'v3'), response_code: '200' }, 1000),
    ...counter('istio_requests_total', { ...pods('reviews', 'v3', 'other'), response_code: '200' }, 1000),
    ...counter('istio_requests_total', { ...pods('reviews', 'v1x2'), response_code: '200' }, 1000),
    ...counter('istio_requests_total', { ...pods('reviews', 'v1.2'), response_code: '200' }, 5),
    `# TYPE ${duration} histogram`,
    ...histogram(duration, source, [8, 9, 10], inMs),
    ...histogram(duration, target, [2, 4, 10], inMs),
    '# TYPE seconds histogram',
    ...histogram('seconds', source, [8, 10, 10], inSeconds),
    ...histogram('seconds', target, [8, 9, 10], inSeconds),
    '# TYPE whole histogram',
    // As Prometheus 3 writes bounds that are whole numbers.
    ...histogram('whole', source, [9, 10], ['1.0', '+Inf']),
    ...histogram('whole', target, [5, 10], ['1.0', '+Inf']),
  ].join('\n');
}

let prometheus: PrometheusServer;
beforeAll(async () => {
  prometheus = await startPrometheus({ past: past() });
}, 60_000);
afterAll(() => prometheus?.stop());

const latency = (overMs: number | null) => {
  const { profile, harmBudget, falseAlarm, max } = anAnalysis();
  return { latency: overMs === null ? null : { profile, harmBudget, falseAlarm, max, overMs } };
};

/** What is counted in the second minute, in windows of 15 seconds. */
function pulled(spec: Partial<PulledFrom['spec']>, queries: Queries | null = null): Promise<readonly Sample[]> {
  const at = (second: number) => (startS + second) * 1000;
  const main = {
    ...{ url: () => prometheus.url, token: null, queries, timeoutMs: 5_000 },
    ...{ windowMs: 15_000, delayMs: 5_000, patienceMs: 0 },
  };
  const signals = pulledSignals(memorySignals(), { sources: { main }, now: async () => at(126) });
  const whole = { routes: [aRoute()], subsets: [], analysis: latency(null), ...spec };
  return signals.read('shop', at(60), { source: 'main', spec: whole });
}

/** Of each side: requests, errors and slow requests of all windows; undefined where no window says it. */
function sums(samples: readonly Sample[]) {
  return (['source', 'target'] as const).map((side) => {
    const own = samples.filter((sample) => sample.side === side);
    const sum = (field: 'requests' | 'errors' | 'slow') =>
      own.every((sample) => sample[field] === undefined)
        ? undefined
        : own.reduce((all, sample) => all + (sample[field] ?? 0), 0);
    return [sum('requests'), sum('errors'), sum('slow')];
  });
}

describe('slow requests from a Prometheus', () => {
  test("are counted by Istio's own histogram where the migration judges latency", async () => {
    expect(sums(await pulled({ analysis: latency(500) }))).toEqual([
      [600, 0, 60],
      [600, 0, 360],
    ]);
    expect(sums(await pulled({ analysis: latency(250) }))).toEqual([
      [600, 0, 120],
      [600, 0, 480],
    ]);
  });

  test('are not asked for where it does not', async () => {
    expect(sums(await pulled({}))).toEqual([
      [600, 0, undefined],
      [600, 0, undefined],
    ]);
  });

  test('are an error, and not all requests, where no bucket has the bound', async () => {
    await expect(pulled({ analysis: latency(300) })).rejects.toThrow(
      /signals of main: (source|target): 300 ms: no bucket of the histogram has this bound: take one that it has/,
    );
  });

  const own = { requests: 'istio_requests_total{source_workload=~"$workload"}', errors: 'nothing_at_all' };

  test('may come from a histogram of seconds, or of whole numbers as Prometheus 3 writes them', async () => {
    const seconds = { ...own, latency: 'seconds_bucket{source_workload=~"$workload",le=~"$leSeconds"}' };
    expect(sums(await pulled({ analysis: latency(500) }, seconds)).map((one) => one[2])).toEqual([0, 60]);
    const whole = { ...own, latency: 'whole_bucket{source_workload=~"$workload",le=~"$leSeconds"}' };
    expect(sums(await pulled({ analysis: latency(1_000) }, whole)).map((one) => one[2])).toEqual([60, 300]);
  });

  test('need a query of their own beside queries of their own', async () => {
    await expect(pulled({ analysis: latency(500) }, own)).rejects.toThrow('name a histogram as queries.latency');
    const nowhere = { ...own, latency: 'nowhere_bucket{source_workload=~"$workload",le=~"$le"}' };
    await expect(pulled({ analysis: latency(500) }, nowhere)).rejects.toThrow('no histogram is found');
  });
});

describe('subsets of a host in a Prometheus', () => {
  const reviews = (fields = {}) => ({ routes: [], subsets: [aSubsetRoute(fields)] });

  test('are counted by their pods: what is moved from and what it is moved to, each host and namespace for itself', async () => {
    expect(sums(await pulled(reviews()))).toEqual([
      [420, 0, undefined],
      [180, 60, undefined],
    ]);
  });

  test('are found by the full name of the host too', async () => {
    const full = reviews({ host: 'reviews.default.svc.cluster.local', from: ['v1'] });
    expect(sums(await pulled(full)).map(([requests]) => requests)).toEqual([240, 180]);
  });

  test('of several hosts are not mixed up, where one moves to what another moves from', async () => {
    const other = aSubsetRoute({ host: 'ratings', from: ['v3'], to: 'v1' });
    const { subsets } = reviews({ from: ['v1'] });
    // ratings has no v1: its requests are all of the source.
    const [fromBoth, toBoth] = sums(await pulled({ routes: [], subsets: [...subsets, other] }));
    expect([fromBoth?.[0], toBoth?.[0]]).toEqual([240 + 60_000, 180]);
  });

  test('with a dot in their name match nothing else', async () => {
    expect(sums(await pulled(reviews({ from: ['v1.2'] }))).map(([requests]) => requests)).toEqual([300, 180]);
  });
});

/** What a name would need to be more than a name between quotes. */
const hostile = [
  'x"} or vector(1) #',
  'x",le="1',
  "x'} or up",
  'x`',
  'x{}',
  'x\n} or up #',
  'x\\',
  '.*',
  'x|.+',
  '(x)',
  'x[5m]',
  '$workload',
  'x y',
  '',
  '-x',
  'x'.repeat(254),
  'ü',
];

describe('a name that is no name of an object', () => {
  const route = aRoute();
  const moved = (fields: object) => ({ routes: [], subsets: [aSubsetRoute(fields)] });
  const places: Readonly<Record<string, (text: string) => Partial<PulledFrom['spec']>>> = {
    'the namespace of the source': (text) => ({ routes: [{ ...route, source: { ...route.source, namespace: text } }] }),
    'the name of the source': (text) => ({ routes: [{ ...route, source: { ...route.source, name: text } }] }),
    'the namespace of the target': (text) => ({ routes: [withTarget({ namespace: text })] }),
    'the name of a subset': (text) => moved({ to: text }),
    'the name of one of several subsets': (text) => moved({ from: ['v1', text] }),
    'the namespace of a VirtualService': (text) => moved({ virtualService: { namespace: text, name: 'reviews' } }),
    'the host': (text) => moved({ host: text.replaceAll('.', '') || ' ' }),
  };
  const withTarget = (fields: object): Route => ({
    ...route,
    target: { ...route.target, ...fields } as Route['target'],
  });

  /** Queries that the server was asked since it began. */
  async function queries(): Promise<number> {
    const text = await (await fetch(`${prometheus.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => /^prometheus_http_requests_total.*"\/api\/v1\/query"/.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  test.each(Object.entries(places))('as %s is refused before anything is asked', async (_, specOf) => {
    const before = await queries();
    for (const text of hostile) {
      const asked = pulled(specOf(text));
      await expect(asked, JSON.stringify(text)).rejects.toThrow(TerminalError);
      await expect(asked, JSON.stringify(text)).rejects.toThrow(/is no name of an object/);
    }
    expect(await queries()).toBe(before);
  });

  test('in the name of a gateway is refused behind the prefix of its Deployment as well', async () => {
    for (const text of hostile.filter((one) => one !== '' && one !== '-x')) {
      await expect(pulled({ routes: [withTarget({ name: text })] })).rejects.toThrow(/is no name of an object/);
    }
  });
});
