import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { memorySignals } from '../../../src/adapters/memory/signals.ts';
import { type PulledSource, pulledSignals } from '../../../src/adapters/prometheus/signals.ts';
import type { PulledFrom } from '../../../src/ports/signals.ts';
import { aRoute } from '../../fixtures/builders.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What no real Prometheus does when it is asked to: a server that breaks in each of the ways. */
let server: Server;
let url: string;
let answer: Answer;
let asked = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked += 1;
    request.resume();
    request.on('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  asked = 0;
});

const says =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

/** 10 requests in each window of 15 seconds, from 1970 on. */
const counting: Answer = says(
  200,
  JSON.stringify({
    status: 'success',
    data: {
      resultType: 'matrix',
      result: [{ metric: { pod: 'gw-1' }, values: Array.from({ length: 60 }, (_, k) => [k * 15, `${k * 10}`]) }],
    },
  }),
);
const noErrors = JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } });

function signals(change: Partial<PulledSource> = {}, nowS: () => number = () => 66) {
  const main: PulledSource = {
    ...{ url: () => url, token: null, queries: null, timeoutMs: 1_000 },
    ...{ windowMs: 15_000, delayMs: 0, patienceMs: 0 },
    ...change,
  };
  return pulledSignals(memorySignals(), { sources: { main }, now: async () => nowS() * 1000 });
}

const analysis = { latency: null };
const spec: PulledFrom['spec'] = { routes: [aRoute()], subsets: [], analysis };
const from = { source: 'main', spec };
const read = (change: Partial<PulledSource> = {}) => signals(change).read('shop', 0, from);

describe('a Prometheus that fails', () => {
  test.each([
    ['with an error of its own', says(503, '{"error":"shutting down"}'), 'HTTP 503: shutting down', 8],
    ['because it is asked too often', says(429, ''), 'HTTP 429', 8],
    ['because it does not know us', says(401, 'go away'), 'HTTP 401', 4],
    ['with a page', says(200, '<html>'), 'the answer is no JSON', 4],
    ['with another form', says(200, '{"status":"success"}'), 'has not the form', 4],
    ['with one number', says(200, '{"data":{"resultType":"scalar","result":[0,"1"]}}'), 'the answer is "scalar"', 4],
  ])('%s is told, and asked again only where that may help', async (_, failing, message, times) => {
    answer = failing;
    await expect(read()).rejects.toThrow(message);
    expect(asked).toBe(times);
  });

  test('is waited for no longer than was said', async () => {
    answer = () => undefined;
    await expect(read({ timeoutMs: 100 })).rejects.toThrow('no answer within 100 ms');
  });

  test('is not followed elsewhere', async () => {
    answer = says(307, '', { location: `${url}/somewhere-else` });
    await expect(read()).rejects.toThrow('HTTP 307');
    expect(asked).toBe(4);
  });

  test('is not read on and on', async () => {
    answer = (_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!response.destroyed) if (!response.write(chunk)) return;
      };
      response.on('drain', more);
      more();
    };
    await expect(read({ timeoutMs: 10_000 })).rejects.toThrow('larger than 8 MB');
  });

  test('is asked once more after a failure that passes', async () => {
    let calls = 0;
    answer = (request, response) => {
      calls += 1;
      (calls <= 4 ? says(502, '') : counting)(request, response);
    };
    const samples = await read();
    expect(samples).toHaveLength(8);
    expect(asked).toBe(8);
  });
});

describe('a source that was asked a moment ago', () => {
  test('is not told of while it fails, until its patience is over', async () => {
    let nowS = 66;
    const main = signals({ patienceMs: 30_000 }, () => nowS);
    let calls = 0;
    // Every second query is about errors; there are none.
    answer = (request, response) => (calls++ % 2 === 0 ? counting : says(200, noErrors))(request, response);
    const first = await main.read('shop', 0, from);
    answer = says(500, '');
    nowS = 89;
    expect(await main.read('shop', 0, from)).toEqual(first);
    nowS = 91;
    await expect(main.read('shop', 0, from)).rejects.toThrow('signals of main: requests of the source: HTTP 500');
  });
});

describe('what a source is sent', () => {
  test('is the token, by a header', async () => {
    let authorization: string | undefined;
    answer = (request, response) => {
      authorization = request.headers.authorization;
      says(401, '')(request, response);
    };
    await expect(read({ token: () => 'secret-of-prometheus\n' })).rejects.not.toThrow('secret');
    expect(authorization).toBe('Bearer secret-of-prometheus');
  });

  test.each([
    ['http://prometheus.example.com', 'a token is sent by https only'],
    ['http://user:pass@127.0.0.1', 'without a password'],
    ['ftp://127.0.0.1', 'an http or https URL'],
    ['http://127.0.0.1/?a=b', 'query or fragment'],
    ['http://100.100.100.200', 'one that is never asked'],
    ['https://100.100.100.200', 'one that is never asked'],
    ['https://[::ffff:169.254.169.254]', 'one that is never asked'],
    ['nowhere', 'an http or https URL'],
  ])('goes not to %s', async (address, message) => {
    await expect(read({ url: () => address, token: () => 'secret' })).rejects.toThrow(message);
    expect(asked).toBe(0);
  });

  test('names only what can be a name', async () => {
    const route = aRoute();
    const evil = { ...route, source: { ...route.source, name: 'x"} or vector(1) #' } };
    const asking = { source: 'main', spec: { routes: [evil], subsets: [], analysis } };
    await expect(signals().read('shop', 0, asking)).rejects.toThrow('is no name of an object');
    expect(asked).toBe(0);
  });
});
