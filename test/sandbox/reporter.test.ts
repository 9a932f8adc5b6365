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
let counted: { source: { requests: number; errors: number }; target: { requests: number; errors: number } };
let lines: string[];

beforeEach(async () => {
  [posted, lines, status, isListDown] = [[], [], 202, false];
  counted = { source: { requests: 100, errors: 1 }, target: { requests: 0, errors: 0 } };
  api = await listen(async (request, response) => {
    if (request.method === 'GET') {
      if (isListDown) return sendJson(response, 500, {});
      const migrations = [
        { name: 'shop-ingress', isFinal: false },
        { name: 'done', isFinal: true },
      ];
      return sendJson(response, 200, { migrations, unreadable: [] });
    }
    const { samples } = JSON.parse(String(await readBody(request, 1_000_000))) as { samples: Sample[] };
    posted.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '', samples });
    sendJson(response, status, {});
  });
  reporter = startReporter({
    url: api.url,
    token: 'reporter-token',
    clock: sandboxClock(speed),
    gateways: {
      source: { instance: 'istio-ingressgateway', counters: () => ({ ...counted.source }) },
      target: { instance: 'istio-ingressgateway-asm', counters: () => ({ ...counted.target }) },
    },
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
});
