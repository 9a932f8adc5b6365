import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Passages } from './passages.ts';

const socketsMax = 10_000;

/**
 * A port on loopback for one listener port of a load balancer. It stays when the listener goes, and comes back for a new
 * one of whatever protocol: as the address of a load balancer does for its clients. While there is no listener, it takes
 * no connection.
 */
export class Entrance {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #passages: Passages | null = null;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => this.#take(socket));
  }

  /** Port 0 takes a free one. @throws where the port is taken */
  static async open(port: number): Promise<Entrance> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.maxConnections = socketsMax;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return new Entrance(server);
  }

  get passages(): Passages | null {
    return this.#passages;
  }

  /** From now on connections take these passages; those of the passages before are cut. */
  use(passages: Passages | null): void {
    this.#passages?.stop();
    for (const socket of this.#sockets) socket.destroy();
    this.#passages = passages;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.use(null);
    await closed;
  }

  #take(socket: Socket): void {
    if (this.#passages === null) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#passages.take(socket);
  }
}
