import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type ServerCertificate, serverCertificate } from '../../src/sandbox/kubernetes/certificates.ts';

/** What an API answers instead of what it was asked. */
export const wrongAnswers = ['429', '500', 'html', 'half', 'nothing', '410'] as const;
export type WrongAnswer = (typeof wrongAnswers)[number];

/** Where requests go; `ca` (PEM) where that is TLS. */
export interface Upstream {
  readonly url: string;
  readonly ca: string | null;
}

/** An HTTP door that stands for an API: it passes requests on, or answers wrongly by itself. */
export interface Front {
  readonly port: number;
  /** PEM of the authority of its own certificate; null where it speaks plain HTTP. */
  readonly ca: string | null;
  /** null: as it should. */
  set(answer: WrongAnswer | null): void;
  /**
   * Bearer tokens that are taken here, and those that the API behind it knows them as; every other gets 401. Null
   * passes on whatever comes.
   */
  takeTokens(tokens: Readonly<Record<string, string>> | null): void;
  /** Requests that got 401 since it was opened. */
  readonly refused: () => number;
  stop(): Promise<void>;
}

/** Opens it on a free port of loopback; with TLS where the API behind has it. */
export async function openFront(isTls: boolean, upstream: () => Upstream): Promise<Front> {
  const certificate = isTls ? await serverCertificate() : null;
  let wrong: WrongAnswer | null = null;
  let tokens: Readonly<Record<string, string>> | null = null;
  let refused = 0;
  const respond = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const body = await buffer(request);
    if (wrong !== null && wrong !== 'half') return answerWrongly(wrong, response);
    const authorization = authorizationFor(request.headers.authorization, tokens);
    if (authorization === null) {
      refused += 1;
      return sendJson(response, 401, { kind: 'Status', status: 'Failure', message: 'Unauthorized', code: 401 });
    }
    await forward({ request, response, body, authorization, upstream: upstream(), isHalf: wrong === 'half' });
  };
  const server = serverOf(certificate, (request, response) => {
    // Whoever is gone in the middle of an exchange is not answered any more.
    respond(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    ca: certificate?.ca ?? null,
    set: (next) => {
      wrong = next;
    },
    takeTokens: (next) => {
      tokens = next;
    },
    refused: () => refused,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function serverOf(certificate: ServerCertificate | null, listener: http.RequestListener): http.Server {
  return certificate === null
    ? http.createServer(listener)
    : https.createServer({ key: certificate.key, cert: certificate.cert }, listener);
}

/** What the API behind is told; null where a token is not taken here. */
function authorizationFor(given: string | undefined, tokens: Readonly<Record<string, string>> | null) {
  if (tokens === null || given === undefined) return given;
  const known = tokens[given.replace(/^Bearer /, '')];
  return known === undefined ? null : `Bearer ${known}`;
}

function answerWrongly(wrong: Exclude<WrongAnswer, 'half'>, response: http.ServerResponse): void {
  switch (wrong) {
    case '429':
      response.setHeader('retry-after', '1');
      sendJson(response, 429, { kind: 'Status', Code: 'Throttling.User', message: 'too many requests' });
      break;
    case '500':
      sendJson(response, 500, { kind: 'Status', Code: 'InternalError', message: 'etcdserver: leader changed' });
      break;
    case '410':
      sendJson(response, 410, { kind: 'Status', reason: 'Expired', message: 'too old resource version' });
      break;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html><body><h1>502 Bad Gateway</h1></body></html>');
      break;
    case 'nothing':
      // Until the other end has had enough.
      break;
    default:
      wrong satisfies never;
  }
}

function sendJson(response: http.ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

interface Passing {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly body: Buffer;
  readonly authorization: string | undefined;
  readonly upstream: Upstream;
  readonly isHalf: boolean;
}

async function forward({ request, response, body, authorization, upstream, isHalf }: Passing): Promise<void> {
  const url = new URL(upstream.url);
  const { connection: _, authorization: __, 'transfer-encoding': ___, ...headers } = request.headers;
  const options = {
    host: url.hostname,
    port: url.port,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    // The host stays what the client said: it is signed.
    headers: {
      ...headers,
      'content-length': body.length,
      ...(authorization === undefined ? {} : { authorization }),
    },
    agent: false,
    ...(upstream.ca === null ? {} : { ca: upstream.ca, servername: 'localhost' }),
  } as const;
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const sent = (upstream.ca === null ? http : https).request(options, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
  const bytes = await buffer(answer);
  const { 'transfer-encoding': ____, connection: _____, ...given } = answer.headers;
  response.writeHead(answer.statusCode ?? 502, { ...given, 'content-length': bytes.length });
  if (!isHalf) {
    response.end(bytes);
    return;
  }
  // The request was carried out, and of its answer the second half is lost.
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
}
