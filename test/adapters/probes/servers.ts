import type http from 'node:http';
import type https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

type Server = http.Server | https.Server;

const servers: Server[] = [];

/** The port of a server that listens until the test is over. */
export async function listen(server: Server, address = '127.0.0.1', port = 0): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return (server.address() as AddressInfo).port;
}

/** To be called once in each file that lets servers listen. */
export function closeServersAfterEach(): void {
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}
