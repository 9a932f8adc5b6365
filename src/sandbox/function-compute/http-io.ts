import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A loopback HTTP server that is up. */
export interface Listening {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

/** Answers one request; a rejection is answered with 500 and its message. */
export type Respond = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Serves on 127.0.0.1. `port` 0 takes a free one. */
export async function listen(respond: Respond, port = 0, headerBytesMax = 64 * 1024): Promise<Listening> {
  const server = createServer({ maxHeaderSize: headerBytesMax, keepAliveTimeout: 30_000 }, (request, response) => {
    void answer(respond, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${bound}`, port: bound, stop: () => close(server) };
}

/** The whole body, or null when it is longer than `bytesMax`; what is too much is read and thrown away. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
    // A sender that goes on for long after the limit is cut off rather than read to its end.
    if (bytes > bytesMax * 2 + 1024 * 1024) return null;
  }
  return bytes > bytesMax ? null : Buffer.concat(chunks);
}

/** Answers with a JSON document. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

async function answer(respond: Respond, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await respond(request, response);
  } catch (error) {
    if (response.headersSent || request.destroyed) response.destroy();
    else sendJson(response, 500, { error: error instanceof Error ? error.message : String(error) });
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
