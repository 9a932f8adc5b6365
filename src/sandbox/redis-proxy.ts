import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import type { SandboxClock } from './clock.ts';
import type { Faults } from './faults.ts';

export interface RedisProxy {
  /** What the functions are given for REDIS_URL. */
  readonly url: string;
  stop(): Promise<void>;
}

const defaultHoldMs = { delay: 1000, stall: 30_000 } as const;

/**
 * Stands between the functions and a real Redis, so that faults can strike there: `drop` cuts connections, `delay` holds
 * up what is sent, `stall` holds it up and then cuts.
 *
 * @param redisUrl `redis://...`; what is encrypted cannot be passed through and is refused
 * @throws Error for another scheme
 */
export async function startRedisProxy(redisUrl: string, clock: SandboxClock, faults: Faults): Promise<RedisProxy> {
  const upstream = new URL(redisUrl);
  if (upstream.protocol !== 'redis:') throw new Error('the sandbox needs REDIS_URL to be redis://host:port');
  const sockets = new Set<Socket>();
  const stopping = new AbortController();
  const server = createServer((client) => {
    const target = connect(Number(upstream.port || '6379'), upstream.hostname.replace(/^\[|\]$/g, ''));
    const cut = (): void => {
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        cut();
      });
      // What broke is seen by its other end as a closed connection, as with the real one.
      socket.on('error', cut);
    }
    target.pipe(client);
    forward(client, target, cut, { clock, faults, signal: stopping.signal });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const unlisten = faults.onChange(() => {
    for (const socket of sockets) if (faults.strike('redis', ['drop'])) socket.destroy();
  });
  const url = new URL(redisUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    stop: async () => {
      unlisten();
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface Strikes {
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly signal: AbortSignal;
}

/** Passes on what the client sends, one piece at a time, so that a piece held up holds up what follows. */
function forward(client: Socket, target: Socket, cut: () => void, { clock, faults, signal }: Strikes): void {
  const pass = async (piece: Buffer): Promise<void> => {
    const fault = faults.strike('redis', ['delay', 'drop', 'stall']);
    if (fault?.kind === 'drop') return cut();
    if (fault?.kind === 'delay' || fault?.kind === 'stall') {
      await clock.sleep(fault.forMs ?? defaultHoldMs[fault.kind], signal);
    }
    if (fault?.kind === 'stall') return cut();
    if (!target.destroyed && !target.write(piece)) await drained(target);
  };
  client.on('data', (piece) => {
    client.pause();
    void pass(piece).then(() => client.resume());
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', () => resolve());
  });
}
