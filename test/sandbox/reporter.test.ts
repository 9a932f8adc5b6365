import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { type Listening, listen, readBody, sendJson } from '../../src/sandbox/function-compute/http-io.ts';
import { startReporter } from '../../src/sandbox/reporter.ts';
import { until } from './function-compute/fixtures.ts';

interface Sample {
  readonly side: string;
  readonly instance: string;
  readonly from: number;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
}

const speed = 50;
let api: Listening;
let reporter: { stop(): Promise<void> };
let posted: { readonly path: string; readonly authorization: string; readonly samples: readonly Sample[] }[];
let status: number;
let isListDown: boolean;
let specs: Record<string, unknown>;
let run: string;
let views: string[];
let subsets: Record<string, Record<string, { requests: number; errors: number }>>;
let counted: { source: { requests: number; errors: number }; target: { requests: number; errors: number } };
let lines: string[];
let unreadable: string[];

beforeEach(async () => {
  [posted, lines, status, isListDown] = [[], [], 202, false];
  [specs, run, views, subsets] = [{ 'shop-ingress': { subsets: [] } }, 'run-1', [], {}];
  unreadable = [];
  counted = { source: { requests: 100, errors: 1 }, target: { requests: 0, errors: 0 } };
  api = await listen(async (request, response) => {
    if (request.method === 'GET') {
      if (isListDown) return sendJson(response, 500, {});
      const name = request.url?.split('/')[3];
      if (name !== undefined) {
        views.push(name);
        return name in specs ? sendJson(response, 200, { name, spec: specs[name] }) : sendJson(response, 500, {});
      }
      const active = [...unreadable, ...Object.keys(specs)].map((each) => ({ name: each, run, isFinal: false }));
      return sendJson(response, 200, { migrations: [...active, { name: 'done', run, isFinal: true }], unreadable: [] });
    }
    const { samples } = JSON.parse(String(await readBody(request, 1_000_000))) as { samples: Sample[] };
    posted.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '', samples });
    sendJson(response, status, {});
  });
  reporter = startReporter({
    url: api.url,
    token: 'reporter-token',
    clock: sandboxClock(speed),
    instances: { source: 'istio-ingressgateway', target: 'istio-ingressgateway-asm' },
    read: () => structuredClone({ sides: counted, loadBalancers: {}, subsets }),
    log: (line) => lines.push(line),
  });
});

afterEach(async () => {
  await reporter.stop();
  await api.stop();
});

const of = (side: string): readonly Sample[] =>
  posted.flatMap(({ samples }) => samples.filter((one) => one.side === side));
const sum = (samples: readonly Sample[], of: 'requests' | 'errors') => samples.reduce((all, one) => all + one[of], 0);

describe('the reporter', () => {
  it('pushes what each side counted since the last time, to the migrations that are not over', async () => {
    counted = { source: { requests: 160, errors: 3 }, target: { requests: 40, errors: 2 } };
    await until(() => posted.length >= 2);
    expect(new Set(posted.map(({ path }) => path))).toEqual(new Set(['/v1/migrations/shop-ingress/signals']));
    expect(posted[0]?.authorization).toBe('Bearer reporter-token');
    expect([sum(of('source'), 'requests'), sum(of('source'), 'errors')]).toEqual([60, 2]);
    expect([sum(of('target'), 'requests'), sum(of('target'), 'errors')]).toEqual([40, 2]);
    expect(of('target')[0]?.instance).toBe('istio-ingressgateway-asm');
  });

  it('covers the time in whole intervals of five seconds, each once and none left out', async () => {
    await until(() => posted.length >= 4);
    const source = of('source');
    for (const [at, sample] of source.entries()) {
      expect(sample.seconds % 5).toBe(0);
      const next = source[at + 1];
      if (next) expect(next.from).toBe(sample.from + sample.seconds);
    }
  });

  it('sends again what could not be taken, and says once that it fails and once that it works', async () => {
    status = 502;
    counted.target.requests = 25;
    await until(() => posted.length >= 3);
    const refused = posted.length;
    status = 202;
    await until(() => posted.length > refused + 1);
    const taken = posted.slice(refused).flatMap(({ samples }) => samples.filter(({ side }) => side === 'target'));
    expect(sum(taken, 'requests')).toBe(25);
    expect(lines).toEqual([expect.stringContaining('HTTP 502'), 'signals are delivered again']);
  });

  it('keeps what it counted while it cannot learn which migrations there are', async () => {
    await until(() => posted.length >= 1);
    isListDown = true;
    await until(() => lines.length === 1);
    const before = posted.length;
    counted.target.requests = 30;
    await new Promise((resolve) => setTimeout(resolve, (3 * 5000) / speed));
    expect(posted.length).toBe(before);
    isListDown = false;
    await until(() => sum(of('target'), 'requests') === 30);
  });

  it('does not send samples again that the API finds wrong', async () => {
    status = 400;
    counted.target.requests = 25;
    await until(() => posted.length >= 3);
    expect(sum(of('target'), 'requests')).toBe(25);
  });

  it('pushes what subsets counted to a migration that moves them, and what gateways counted to the others', async () => {
    subsets = { 'default/reviews': { v1: { requests: 5, errors: 0 } } };
    const moved = {
      virtualService: { namespace: 'default', name: 'reviews' },
      host: 'reviews',
      from: ['v1'],
      to: 'v3',
    };
    await until(() => posted.length >= 1);
    specs = { ...specs, reviews: { subsets: [{ mesh: 'asm', ...moved }] }, old: {} };
    subsets = { 'default/reviews': { v1: { requests: 25, errors: 1 }, v3: { requests: 8, errors: 4 } } };
    counted.target.requests = 25;
    const sent = (name: string) =>
      posted.filter(({ path }) => path.includes(`/${name}/`)).flatMap(({ samples }) => samples);
    await until(() => sent('old').length > 0 && sum(sent('reviews'), 'requests') === 28);
    const counts = sent('reviews').filter(({ requests }) => requests > 0);
    expect(counts.map(({ from: _, seconds: __, ...rest }) => rest)).toEqual([
      { side: 'source', instance: 'default/reviews/v1', requests: 20, errors: 1 },
      { side: 'target', instance: 'default/reviews/v3', requests: 8, errors: 4 },
    ]);
    for (const name of ['old', 'shop-ingress']) {
      expect(new Set(sent(name).map(({ instance }) => instance))).toEqual(
        new Set(['istio-ingressgateway', 'istio-ingressgateway-asm']),
      );
    }
  });

  it('asks once what a run moves, and again for the next run of its name', async () => {
    await until(() => posted.length >= 3);
    expect(views).toEqual(['shop-ingress']);
    run = 'run-2';
    await until(() => views.length === 2);
  });

  it('serves the others where one migration cannot be read', async () => {
    unreadable = ['aa-broken'];
    await until(() => lines.length === 1);
    const before = posted.length;
    await until(() => posted.length >= before + 2);
    expect(lines[0]).toContain('aa-broken');
    expect(posted.every(({ path }) => path.includes('shop-ingress'))).toBe(true);
  });
});
