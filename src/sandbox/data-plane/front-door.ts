import {
  type Agent,
  type ClientRequest,
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ClbBackend } from '../clb/load-balancer.ts';

/** On an answer that the load balancer gave itself, because no backend did: the reason. */
export const ownAnswerHeader = 'x-clb-error';

export interface FrontDoorOptions {
  readonly protocol: 'http' | 'https';
  /** 0 takes a free one. */
  readonly port: number;
  readonly certificate: { readonly key: string; readonly cert: string } | null;
  readonly agent: Agent;
  /** Whether the listener takes connections now. */
  readonly isRunning: () => boolean;
  readonly pick: (refused?: ClbBackend) => ClbBackend | null;
  readonly addressOf: (backend: ClbBackend) => string | null;
  /** How long a backend may take to answer, in wall ms. */
  readonly answerWithinMs: () => number;
}

export interface FrontDoor {
  readonly url: string;
  stop(): Promise<void>;
}

/** Longer than the clients keep an idle connection (RFC 9112 9.5: whoever closes first must not be the server). */
const keepAliveMs = 75_000;
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** One listener of the load balancer: takes requests and passes each to the backend whose turn it is. */
export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (options.isRunning()) new Passage(options, request, response).toBackend(options.pick());
    else request.socket.destroy();
  };
  const server: Server =
    options.certificate === null
      ? createHttpServer({ keepAliveTimeout: keepAliveMs }, serve)
      : createHttpsServer({ ...options.certificate, keepAliveTimeout: keepAliveMs }, serve);
  server.on('connection', (socket: Socket) => {
    if (!options.isRunning()) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    url: `${options.protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** One request on its way to a backend and back. */
class Passage {
  readonly #options: FrontDoorOptions;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #upstream: ClientRequest | null = null;
  #refused: ClbBackend | null = null;

  constructor(options: FrontDoorOptions, request: IncomingMessage, response: ServerResponse) {
    this.#options = options;
    this.#request = request;
    this.#response = response;
    response.once('close', () => {
      if (!response.writableFinished) this.#upstream?.destroy();
    });
  }

  toBackend(backend: ClbBackend | null): void {
    const host = backend === null ? null : this.#options.addressOf(backend);
    if (backend === null || host === null) {
      this.#answerOwn(this.#refused === null ? 503 : 502, this.#refused === null ? 'no-backend' : 'refused');
      return;
    }
    const upstream = httpRequest({
      host,
      port: backend.port,
      path: this.#request.url ?? '/',
      method: this.#request.method ?? 'GET',
      headers: this.#headers(),
      agent: this.#options.agent,
    });
    this.#upstream = upstream;
    upstream.on('response', (answer) => this.#passBack(answer));
    upstream.on('error', (error: NodeJS.ErrnoException) => this.#failed(backend, error));
    upstream.setTimeout(this.#options.answerWithinMs(), () => {
      this.#answerOwn(504, 'timeout');
      upstream.destroy();
    });
    // The body starts only on an open connection: until then nothing is lost by going to another backend.
    upstream.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => this.#request.pipe(upstream));
      else this.#request.pipe(upstream);
    });
  }

  #failed(backend: ClbBackend, error: NodeJS.ErrnoException): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    if (error.code === 'ECONNREFUSED' && this.#refused === null) {
      this.#refused = backend;
      this.toBackend(this.#options.pick(backend));
    } else {
      this.#answerOwn(502, error.code === 'ECONNREFUSED' ? 'refused' : 'broken');
    }
  }

  #passBack(answer: IncomingMessage): void {
    this.#response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
    answer.on('error', () => this.#response.destroy());
    answer.pipe(this.#response);
  }

  #answerOwn(status: number, reason: string): void {
    if (this.#response.headersSent) {
      this.#response.destroy();
      return;
    }
    this.#request.resume();
    this.#response.writeHead(status, { 'content-type': 'text/plain', [ownAnswerHeader]: reason });
    this.#response.end(`${status} ${reason}\n`);
  }

  #headers(): Record<string, string | string[]> {
    const { socket, headers } = this.#request;
    const before = headers['x-forwarded-for'];
    const body = headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
    return {
      ...withoutHops(headers),
      ...body,
      'x-forwarded-for': before === undefined ? (socket.remoteAddress ?? '') : `${before}, ${socket.remoteAddress}`,
      'x-forwarded-proto': this.#options.protocol,
    };
  }
}

function withoutHops(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name)) kept[name] = value;
  }
  return kept;
}
