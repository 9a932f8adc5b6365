import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** Connections from here on are given up before the load balancer closes them. */
const idleMs = 30_000;

/** One client: one keep-alive connection from an address of its own, and the cookie that it was given. */
interface Visitor {
  readonly agent: Agent;
  readonly address: string;
  cookie: string | null;
  open: number;
  isLeaving: boolean;
}

export interface VisitorOptions {
  readonly host: string;
  readonly path: string;
  /** Where each sends from. */
  readonly addressOf?: (index: number) => string;
}

/** Addresses from 127.0.1.1 on: nothing listens there, and every one of them is this machine. */
function visitorAddress(index: number): string {
  return `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}

/** The clients of one URL: each request is sent by whoever has the fewest open, in turns where several are level. */
export class Visitors {
  readonly #options: RequestOptions;
  readonly #isSecure: boolean;
  readonly #addressOf: (index: number) => string;
  #visitors: readonly Visitor[] = [];
  #turn = 0;

  constructor(url: string, { host, path, addressOf = visitorAddress }: VisitorOptions) {
    this.#addressOf = addressOf;
    const { protocol, hostname, port } = new URL(url);
    this.#isSecure = protocol === 'https:';
    this.#options = { hostname, port, path, ...(this.#isSecure ? { servername: host } : {}) };
    this.#options.headers = { host, 'user-agent': 'shop-client/1.0', accept: '*/*' };
  }

  /** As many visitors as this; those that leave finish what they have open. */
  be(count: number): void {
    const added = Array.from({ length: Math.max(0, count - this.#visitors.length) }, (_, index) =>
      this.#visitor(this.#visitors.length + index),
    );
    for (const visitor of this.#visitors.slice(count)) {
      visitor.isLeaving = true;
      if (visitor.open === 0) visitor.agent.destroy();
    }
    this.#visitors = [...this.#visitors.slice(0, count), ...added];
  }

  /** A request that still has to be ended. */
  send(answered: (answer: IncomingMessage) => void): ClientRequest {
    const visitor = this.#next();
    const { agent, address, cookie } = visitor;
    const headers = cookie === null ? this.#options.headers : { ...this.#options.headers, cookie };
    const options = { ...this.#options, headers, agent, localAddress: address };
    const take = (answer: IncomingMessage): void => {
      const [given] = answer.headers['set-cookie'] ?? [];
      if (given !== undefined) visitor.cookie = given.split(';')[0] ?? null;
      answered(answer);
    };
    const request = this.#isSecure
      ? httpsRequest({ ...options, rejectUnauthorized: false }, take)
      : httpRequest(options, take);
    visitor.open += 1;
    request.once('close', () => {
      visitor.open -= 1;
      if (visitor.isLeaving && visitor.open === 0) visitor.agent.destroy();
    });
    return request;
  }

  stop(): void {
    for (const { agent } of this.#visitors) agent.destroy();
  }

  #next(): Visitor {
    this.#turn += 1;
    let best: Visitor | undefined;
    for (let index = 0; index < this.#visitors.length; index += 1) {
      const visitor = this.#visitors[(this.#turn + index) % this.#visitors.length];
      if (visitor !== undefined && (best === undefined || visitor.open < best.open)) best = visitor;
      if (best?.open === 0) break;
    }
    if (best === undefined) throw new Error('no visitor: there must be at least one');
    return best;
  }

  #visitor(index: number): Visitor {
    const settings = { keepAlive: true, maxSockets: 1, timeout: idleMs } as const;
    return {
      agent: this.#isSecure ? new HttpsAgent(settings) : new Agent(settings),
      address: this.#addressOf(index),
      cookie: null,
      open: 0,
      isLeaving: false,
    };
  }
}
