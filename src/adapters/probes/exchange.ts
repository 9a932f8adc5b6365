import http from 'node:http';
import https from 'node:https';
import type { ServiceReading } from '../../domain/observation.ts';

/** Where one request goes. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** The ready pods of a Service with the port that its Service port leads to. */
export function placesOf(service: ServiceReading, port: number): readonly Place[] {
  return service.endpoints.flatMap(({ address, targetPorts }) => {
    const target = targetPorts[port];
    return target === undefined ? [] : [{ address, port: target }];
  });
}

/** One GET of a path, under the name that clients use. */
export interface Question {
  readonly host: string;
  readonly path: string;
  readonly isTls: boolean;
}

/** Sends a question over a connection of its own; follows no redirect. The caller reads the body, and bounds it. */
export function exchange(
  { host, path, isTls }: Question,
  { address, port }: Place,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  const options: https.RequestOptions = {
    host: address,
    port,
    path,
    method: 'GET',
    agent: false,
    headers: { Host: host, 'User-Agent': 'sluice-probe/1', Connection: 'close' },
    signal,
    // A certificate proves a name; here a pod is asked by its address whether it serves that name at all.
    ...(isTls ? { servername: host.replace(/:\d+$/, ''), rejectUnauthorized: false } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? https : http).request(options, resolve);
    request.on('error', reject);
    request.end();
  });
}

/**
 * Reads a body to its end, or to the limit: it must arrive, because a gateway that hangs in the middle of one is not well.
 * @param bytesMax what is longer is cut off there
 */
export async function readBody(
  response: http.IncomingMessage,
  bytesMax: number,
  keep: (chunk: Buffer) => void,
): Promise<void> {
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    keep(chunk.subarray(0, bytesMax - size));
    size += chunk.length;
    if (size >= bytesMax) break;
  }
  response.destroy();
}

/** Why no answer came, as a code and never as a text that could hold an address. */
export function reasonOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'no answer';
}
