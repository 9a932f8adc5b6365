import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Notice } from '../../../src/domain/notice.ts';

export interface Received {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  stop(): Promise<void>;
}

/** A real HTTP server on a free loopback port that keeps what it gets and answers as told. */
export async function startReceiver(
  answer: (response: ServerResponse, received: Received, count: number) => void,
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
      const one = { path: pathname, query: searchParams, headers: request.headers, body };
      received.push(one);
      answer(response, one, received.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    stop: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export function aNotice(change: Partial<Notice> = {}): Notice {
  return {
    id: 'shop-ingress-r1-7-0',
    kind: 'step.verified',
    atMs: 1_700_000_000_000,
    migration: 'shop-ingress',
    run: 'r1',
    state: 'progressing.baking',
    step: 2,
    steps: 4,
    asked: 50,
    achieved: 50.4,
    observed: null,
    route: null,
    severity: 'info',
    title: 'Step 2 of 4 is verified',
    reason: 'the load balancer holds 50 and 50 on every port',
    next: 'bakes for 10 minutes, then is judged; abort to go back',
    ...change,
  };
}

/** A clock that stands still. */
export function clockAt(ms: number) {
  return { now: () => ms, sleep: () => Promise.resolve() };
}
