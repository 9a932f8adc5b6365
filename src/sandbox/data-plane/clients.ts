import type { ClientRequest, IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { ownAnswerHeader } from './http-passages.ts';
import { type Counts, countAnswer, countsOf, type Tally } from './tally.ts';
import { TallyWindow } from './tally-window.ts';
import { type VisitorOptions, Visitors } from './visitors.ts';

export interface ClientsOptions extends VisitorOptions {
  /** Entry URLs without a slash at the end; requests take turns over them. */
  readonly urls: readonly string[];
  /** Requests a second of wall time, over all URLs. */
  readonly ratePerSecond: number;
  /**
   * Keep-alive connections, over all URLs; at least one each. Each is a client of its own, with an address and a cookie:
   * few of them are what makes the share differ from the weights where something sticks (reference E12, E13).
   */
  readonly connections: number;
}

export interface ClientsChanged {
  readonly ratePerSecond?: number;
  readonly connections?: number;
  /** Instead of those before; what is open at one that goes is finished. */
  readonly urls?: readonly string[];
}

export interface ClientCounts extends Counts {
  /** Got no answer, a broken one, or one that the load balancer gave itself because it had no backend. */
  readonly lost: number;
}

export interface ClientsReading {
  readonly sinceStart: ClientCounts;
  readonly last10s: ClientCounts;
  /** Due, but not sent, because too many were still open. */
  readonly notSent: number;
}

export interface Clients {
  set(change: ClientsChanged): void;
  counters(): ClientsReading;
  /** Sends nothing more; requests that are open are cut and not counted. */
  stop(): Promise<void>;
}

const tickMs = 10;
const openMax = 1000;
const answerWithinMs = 10_000;
const ratePerSecondMax = 20_000;

/** Clients that send at their rate whatever the answers take (open loop), until too many are open. */
export function startClients(options: ClientsOptions): Clients {
  return new OpenLoop(options);
}

class OpenLoop implements Clients {
  readonly #options: ClientsOptions;
  #targets: ReadonlyMap<string, Visitors> = new Map();
  #connections: number;
  readonly #window = new TallyWindow(Date.now());
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<ClientRequest>();
  #ratePerSecond: number;
  #due = 0;
  #tickedAtMs = performance.now();
  #turn = 0;
  #notSent = 0;
  #isStopped = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#connections = options.connections;
    this.#ratePerSecond = rateOf(options.ratePerSecond);
    this.#setUrls(options.urls);
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  set({ ratePerSecond, connections, urls }: ClientsChanged): void {
    if (ratePerSecond !== undefined) this.#ratePerSecond = rateOf(ratePerSecond);
    this.#connections = connections ?? this.#connections;
    this.#setUrls(urls ?? [...this.#targets.keys()]);
  }

  counters(): ClientsReading {
    return {
      sinceStart: clientCounts(this.#window.sinceStart),
      last10s: clientCounts(this.#window.last10s(Date.now())),
      notSent: this.#notSent,
    };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    // One by one: an agent that is destroyed opens new connections for the requests that still queue.
    const open = [...this.#open];
    const closed = open.map((request) => new Promise<void>((resolve) => request.once('close', () => resolve())));
    for (const request of open) request.destroy();
    await Promise.all(closed);
    for (const target of this.#targets.values()) target.stop();
  }

  #tick(): void {
    const now = performance.now();
    // A pause of the machine is not made up for by a burst.
    this.#due += (this.#ratePerSecond * Math.min(1000, now - this.#tickedAtMs)) / 1000;
    this.#tickedAtMs = now;
    while (this.#due >= 1) {
      this.#due -= 1;
      if (this.#open.size >= openMax) this.#notSent += 1;
      else this.#send();
    }
  }

  #send(): void {
    const target = [...this.#targets.values()][this.#turn % Math.max(1, this.#targets.size)];
    if (target === undefined) return;
    this.#turn += 1;
    const sentAtMs = performance.now();
    let isCounted = false;
    const count = (answer: IncomingMessage | null) => {
      if (isCounted || this.#isStopped) return;
      isCounted = true;
      this.#count(answer, performance.now() - sentAtMs);
    };
    const request = target.send((answer) => {
      answer.resume();
      answer.once('end', () => count(answer));
      answer.on('error', () => count(null));
    });
    this.#open.add(request);
    request.setTimeout(answerWithinMs, () => request.destroy());
    request.on('error', () => count(null));
    request.once('close', () => {
      this.#open.delete(request);
      count(null);
    });
    request.end();
  }

  #count(answer: IncomingMessage | null, latencyMs: number): void {
    const isLost = answer === null || answer.headers[ownAnswerHeader] !== undefined;
    const isError = !isLost && (answer.statusCode ?? 0) >= 500;
    this.#window.count(Date.now(), (tally) => {
      if (isLost) {
        tally.requests += 1;
        tally.lost += 1;
      } else {
        countAnswer(tally, isError, latencyMs);
      }
    });
  }

  #setUrls(urls: readonly string[]): void {
    const before = this.#targets;
    this.#targets = new Map(urls.map((url) => [url, before.get(url) ?? new Visitors(url, this.#options)]));
    for (const [url, target] of before) if (!this.#targets.has(url)) target.be(0);
    const each = Math.max(1, Math.min(openMax, Math.floor(this.#connections / Math.max(1, urls.length))));
    for (const target of this.#targets.values()) target.be(each);
  }
}

function clientCounts(tally: Tally): ClientCounts {
  return { ...countsOf(tally), lost: tally.lost };
}

function rateOf(ratePerSecond: number): number {
  return Math.max(0, Math.min(ratePerSecondMax, ratePerSecond));
}
