import http from 'node:http';
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

/** Two pods with one port, and at which address each request came. */
export async function twoPods() {
  const asked: string[] = [];
  const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
    asked.push(request.socket.localAddress ?? '');
    response.end();
  };
  const [first, second] = ['127.0.0.2', '127.0.0.3'] as const;
  const port = await listen(http.createServer(answer), first);
  await listen(http.createServer(answer), second, port);
  const pods = [first, second].map((address) => ({ address, node: null, targetPorts: { 80: port } }));
  return { pods, asked };
}

/** A body without end, until whoever reads it has enough. */
export function writeOn(response: http.ServerResponse): void {
  while (!response.destroyed && response.write(Buffer.alloc(65_536)));
  response.once('drain', () => writeOn(response));
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
