import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { type ListenPair, listenPairsMax } from './gateway-messages.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

interface Listening {
  readonly server: Server;
  isLeaving: boolean;
}

/** Longer than any client keeps an idle connection, so that it is never closed under a request that is on its way. */
const keepAliveMs = 75_000;
const drainMs = 5000;

/** The addresses a gateway answers at. One that leaves takes no new connection and drains those it has, as a pod does. */
export class GatewayListeners {
  readonly #serve: Serve;
  readonly #listening = new Map<string, Listening>();

  constructor(serve: Serve) {
    this.#serve = serve;
  }

  /** Listens at these pairs and at no others. Rejects with the address that cannot be had; those in place stay. */
  async listen(pairs: readonly ListenPair[]): Promise<void> {
    if (pairs.length > listenPairsMax) throw new Error(`at most ${listenPairsMax} addresses, not ${pairs.length}`);
    const wanted = new Map(pairs.map((pair) => [`${pair.address}:${pair.port}`, pair]));
    for (const [key, pair] of wanted) {
      if (!isLoopback(pair.address)) throw new Error(`${pair.address} is not a loopback address`);
      if (!this.#listening.has(key)) this.#listening.set(key, await this.#open(pair));
    }
    for (const [key, listening] of this.#listening) {
      if (wanted.has(key)) continue;
      this.#listening.delete(key);
      leave(listening);
    }
  }

  async #open(pair: ListenPair): Promise<Listening> {
    const listening: Listening = { server: createServer({ keepAliveTimeout: keepAliveMs }), isLeaving: false };
    listening.server.on('request', (request, response) => {
      if (listening.isLeaving) response.setHeader('connection', 'close');
      this.#serve(request, response);
    });
    await new Promise<void>((resolve, reject) => {
      listening.server.once('error', reject);
      listening.server.listen(pair.port, pair.address, resolve);
    });
    return listening;
  }
}

function leave(listening: Listening): void {
  listening.isLeaving = true;
  const { server } = listening;
  const cuts = [
    setTimeout(() => server.closeIdleConnections(), drainMs),
    setTimeout(() => server.closeAllConnections(), 2 * drainMs),
  ];
  // An HTTP server's own close also cuts idle connections, on which a request may be under way.
  NetServer.prototype.close.call(server, () => {
    for (const cut of cuts) clearTimeout(cut);
    server.close();
  });
}

function isLoopback(address: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(address);
}
