import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A wire between client and server that can be broken in the ways that hurt. */
export interface Proxy {
  readonly url: string;
  /** Connections of now go silent without closing, as after a thaw; new ones work. */
  freeze(): void;
  /** The next answer is thrown away, and its connection is reset. */
  loseNextAnswer(): void;
  /** Connections that were made so far. */
  connections(): number;
  stop(): Promise<void>;
}

export async function startProxy(serverPort: number): Promise<Proxy> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket; isFrozen: boolean }>();
  let made = 0;
  let isLosing = false;
  const server = createServer((near) => {
    made += 1;
    const far = connect(serverPort, '127.0.0.1');
    const pair = { near, far, isFrozen: false };
    pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      pairs.delete(pair);
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.on('data', (data) => !pair.isFrozen && far.write(data));
    far.on('data', (data) => {
      if (isLosing) {
        isLosing = false;
        end();
      } else if (!pair.isFrozen) near.write(data);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    freeze: () => {
      for (const pair of pairs) pair.isFrozen = true;
    },
    loseNextAnswer: () => {
      isLosing = true;
    },
    connections: () => made,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      await closed;
    },
  };
}
