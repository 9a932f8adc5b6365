import {
  type Agent,
  type ClientRequest,
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { ClbBackend } from '../clb/load-balancer.ts';
import type { Asking } from '../clb/selection.ts';
import { loadBalancerHeader } from './gateway-messages.ts';
import { holdOpen, isRunning, listenerNow, type Passages, type PassageWorld, wallMs } from './passages.ts';

/** On an answer that the load balancer gave itself, because no backend did: the reason. */
export const ownAnswerHeader = 'x-clb-error';

export interface HttpWorld extends PassageWorld {
  /** Connections to the backends. */
  readonly agent: Agent;
  /** Of an HTTPS listener. */
  readonly certificate: { readonly key: string; readonly cert: string } | null;
}

/** Longer than the clients keep an idle connection (RFC 9112 9.5: whoever closes first must not be the server). */
const keepAliveMs = 75_000;
/** Of a listener that went while its request was under way. */
const requestTimeoutS = 60;
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The passages of an HTTP or HTTPS listener: each request goes to the backend whose turn it is. */
export function httpPassages(world: HttpWorld): Passages {
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (isRunning(world)) new Passage(world, request, response).start();
    else request.socket.destroy();
  };
  // The server does not listen: it is handed the connections of the entrance.
  const server =
    world.certificate === null
      ? createHttpServer({ keepAliveTimeout: keepAliveMs }, serve)
      : createHttpsServer({ ...world.certificate, keepAliveTimeout: keepAliveMs }, serve);
  return {
    scheme: world.certificate === null ? 'http' : 'https',
    take: (client) => {
      if (isRunning(world)) server.emit('connection', client);
      else client.destroy();
    },
    // Every request asks anew, so there is nothing that would have to be changed.
    review: () => undefined,
    // The entrance cuts the connections, and with them their requests.
    stop: () => undefined,
  };
}

/** One request on its way to a backend and back. */
class Passage {
  readonly #world: HttpWorld;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #upstream: ClientRequest | null = null;
  #refused: ClbBackend | null = null;
  #release: () => void = () => undefined;

  constructor(world: HttpWorld, request: IncomingMessage, response: ServerResponse) {
    this.#world = world;
    this.#request = request;
    this.#response = response;
    response.once('close', () => {
      this.#release();
      if (!response.writableFinished) this.#upstream?.destroy();
    });
  }

  start(): void {
    this.#toBackend(this.#pick({}));
  }

  #pick(more: Pick<Asking, 'refused'>): ClbBackend | null {
    const { model, ref, clock } = this.#world;
    const { remoteAddress: address = '', remotePort: port = 0 } = this.#request.socket;
    return model.pick(ref, clock.now(), { client: { address, port }, cookie: this.#cookie(), ...more });
  }

  #cookie(): string {
    return this.#request.headers.cookie ?? '';
  }

  #toBackend(backend: ClbBackend | null): void {
    const host = backend === null ? null : this.#world.addressOf(backend);
    this.#release();
    if (backend === null || host === null) {
      this.#answerOwn(this.#refused === null ? 503 : 502, this.#refused === null ? 'no-backend' : 'refused');
      return;
    }
    this.#release = holdOpen(this.#world, backend);
    const upstream = httpRequest({
      host,
      port: backend.port,
      path: this.#request.url ?? '/',
      method: this.#request.method ?? 'GET',
      headers: this.#headers(),
      agent: this.#world.agent,
    });
    this.#upstream = upstream;
    upstream.on('response', (answer) => this.#passBack(backend, answer));
    upstream.on('error', (error: NodeJS.ErrnoException) => this.#failed(backend, error));
    upstream.setTimeout(wallMs(this.#world, listenerNow(this.#world)?.requestTimeoutS ?? requestTimeoutS), () => {
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
      this.#toBackend(this.#pick({ refused: backend }));
    } else {
      this.#answerOwn(502, error.code === 'ECONNREFUSED' ? 'refused' : 'broken');
    }
  }

  #passBack(backend: ClbBackend, answer: IncomingMessage): void {
    const { model, ref, clock } = this.#world;
    const headers = withoutHops(answer.headers);
    const cookie = model.stickyCookie(ref, backend, this.#cookie(), clock.now());
    if (cookie !== null) headers['set-cookie'] = [...(answer.headers['set-cookie'] ?? []), cookie];
    this.#response.writeHead(answer.statusCode ?? 502, headers);
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
      'x-forwarded-proto': this.#world.certificate === null ? 'http' : 'https',
      [loadBalancerHeader]: this.#world.ref.loadBalancerId,
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
