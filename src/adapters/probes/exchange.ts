import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { ServiceReading } from '../../domain/observation.ts';
import { TerminalError } from '../../ports/errors.ts';

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

/**
 * Whom certificates are believed from: `any` checks none, a function gives authorities (PEM) in place of those that Node
 * knows.
 */
export type Certificates = 'any' | (() => string);

/**
 * Sends a question over a connection of its own; follows no redirect. The caller reads the body, and bounds it.
 *
 * @param certificates null: of the authorities that Node knows
 * @throws TerminalError where the authorities cannot be read, or what the connection or the certificate broke with
 */
export async function exchange(
  { host, path, isTls }: Question,
  { address, port }: Place,
  certificates: Certificates | null,
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
    ...(isTls ? tlsOptions(host.replace(/:\d+$/, ''), certificates) : {}),
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? https : http).request(options, resolve);
    request.on('error', reject);
    request.end();
  });
}

/** A pod is asked by its address, and has to prove that it may answer for the name that is asked for. */
function tlsOptions(name: string, certificates: Certificates | null): https.RequestOptions {
  return {
    // An address cannot be a server name (RFC 6066); the certificate has to be for it all the same.
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    ...(certificates === 'any' ? { rejectUnauthorized: false } : {}),
    ...(typeof certificates === 'function' ? { ca: certificates() } : {}),
  };
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
  if (error instanceof TerminalError) return error.message;
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'string') return 'no answer';
  return isOfCertificate(code) ? `its certificate is not taken: ${code}` : code;
}

/** The codes of what Node finds wrong with a certificate, as OpenSSL names them, and of a name that does not match. */
function isOfCertificate(code: string): boolean {
  return /CERT|SIGNED|^UNABLE_TO_|^CRL_|^INVALID_CA$|^PATH_LENGTH/.test(code);
}
