import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SignedRequest } from './acs3-signature.ts';

const bodyMax = 128 * 1024;

/** The whole request, or null where its body is over 128 KB. */
export async function readRequest(request: IncomingMessage): Promise<SignedRequest | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // What is too much is read on and thrown away: a client that still writes would never see the answer.
    if (length <= bodyMax) chunks.push(chunk);
  }
  if (length > bodyMax) return null;
  const url = new URL(`http://loopback${request.url ?? '/'}`);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  );
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: [...url.searchParams],
    headers,
    body: Buffer.concat(chunks),
  };
}

export function answerJson(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, {
    'content-type': 'application/json;charset=utf-8',
    'x-acs-request-id': String(body['RequestId'] ?? body['requestId'] ?? ''),
  });
  response.end(JSON.stringify(body));
}
