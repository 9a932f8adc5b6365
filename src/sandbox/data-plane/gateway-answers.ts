import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { isCaller } from '../addresses.ts';
import type { Random } from '../random.ts';
import { type GatewayCounters, type GatewayKnobs, type GatewaySide, loadBalancerHeader } from './gateway-messages.ts';
import type { MeshCalls } from './mesh-calls.ts';
import { ConnectionBook } from './open-connections.ts';
import { countAnswer, emptyTally, type Tally } from './tally.ts';

const pathMax = 256;
/** The header is whatever a caller sends who comes past the load balancer. */
const loadBalancersMax = 16;
const loadBalancerIdMax = 64;

/** What a gateway answers, and what it counts of it: ordinary requests, never probes. */
export class GatewayAnswers {
  readonly #side: GatewaySide;
  readonly #random: Random;
  readonly #calls: MeshCalls;
  readonly #total: Tally = emptyTally();
  readonly #backends: Record<string, { requests: number; errors: number }> = {};
  readonly #loadBalancers = new Map<string, Tally>();
  readonly #direct: Tally = emptyTally();
  readonly #connections = new ConnectionBook();
  #knobs: GatewayKnobs = { errorRate: 0, latencyMs: 0, probes: true };

  constructor(side: GatewaySide, random: Random, calls: MeshCalls) {
    this.#side = side;
    this.#random = random;
    this.#calls = calls;
  }

  set(knobs: Partial<GatewayKnobs>): void {
    this.#knobs = { ...this.#knobs, ...knobs };
  }

  counters(): GatewayCounters {
    return {
      total: this.#total,
      backends: this.#backends,
      loadBalancers: Object.fromEntries(this.#loadBalancers),
      direct: this.#direct,
      open: this.#connections.open(),
      subsets: this.#calls.counters(),
    };
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').slice(0, pathMax);
    const backend = `${request.socket.localAddress}:${request.socket.localPort}`;
    request.resume();
    if (isProbe(request)) {
      this.#answer(request, response, this.#knobs.probes ? 200 : 503, backend, path);
      return;
    }
    const startedMs = performance.now();
    const isDirect = isCaller(request.socket.remoteAddress ?? '');
    const loadBalancer = isDirect ? null : this.#loadBalancerOf(request);
    if (!isDirect) this.#connections.use(request.socket, loadBalancer);
    const isError = this.#random.next() < this.#knobs.errorRate;
    response.once('finish', () => {
      const latencyMs = performance.now() - startedMs;
      this.#count(backend, isError, latencyMs);
      const own = isDirect ? this.#direct : this.#loadBalancers.get(loadBalancer ?? '');
      if (own !== undefined) countAnswer(own, isError, latencyMs);
      // What becomes of it does not change the page: Bookinfo's answers 200 without its reviews.
      this.#calls.make(path.split('?', 1)[0] ?? path, request.headers);
    });
    const answer = () => this.#answer(request, response, isError ? 503 : 200, backend, path);
    if (this.#knobs.latencyMs > 0) setTimeout(answer, this.#knobs.latencyMs);
    else answer();
  }

  #answer(request: IncomingMessage, response: ServerResponse, status: number, backend: string, path: string): void {
    const answer = { side: this.#side, backend, path };
    const isHtml = (request.headers.accept ?? '').includes('text/html');
    const body = isHtml ? htmlOf(answer) : JSON.stringify(answer);
    response.writeHead(status, {
      'content-type': isHtml ? 'text/html; charset=utf-8' : 'application/json',
      'content-length': Buffer.byteLength(body),
      server: 'istio-envoy',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #count(backend: string, isError: boolean, latencyMs: number): void {
    countAnswer(this.#total, isError, latencyMs);
    const own = this.#backends[backend] ?? { requests: 0, errors: 0 };
    own.requests += 1;
    if (isError) own.errors += 1;
    this.#backends[backend] = own;
  }

  /** The load balancer that a request names, which has its tally then; null where it names none, or one too many. */
  #loadBalancerOf(request: IncomingMessage): string | null {
    const name = request.headers[loadBalancerHeader];
    if (typeof name !== 'string' || name.length > loadBalancerIdMax) return null;
    if (this.#loadBalancers.has(name)) return name;
    if (this.#loadBalancers.size >= loadBalancersMax) return null;
    this.#loadBalancers.set(name, emptyTally());
    return name;
  }
}

function isProbe(request: IncomingMessage): boolean {
  return (
    (request.headers['user-agent'] ?? '').startsWith('sluice-probe') || request.url?.split('?')[0] === '/healthz/ready'
  );
}

function htmlOf(answer: Readonly<Record<string, string>>): string {
  const rows = Object.entries(answer).map(([name, value]) => `<li>${name}: ${escaped(value)}</li>`);
  return `<!doctype html><title>Simple Bookstore App</title><ul>${rows.join('')}</ul>\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
