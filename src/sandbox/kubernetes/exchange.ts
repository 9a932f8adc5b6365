import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Subject } from './access.ts';
import { type ApiError, statusBody } from './api-error.ts';
import type { JsonObject } from './json.ts';

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly subject: Subject;
  /** Aborted when the server stops or the client goes away. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  readonly warnings?: readonly string[];
}

export function ok(body: JsonObject): Answer {
  return { status: 200, body };
}

export function sendJson(
  response: ServerResponse,
  { status, body, warnings = [] }: Answer,
  contentType?: string,
): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  const warning = warnings.map((text) => `299 - ${JSON.stringify(text).replaceAll(/[^ -~]/g, '?')}`);
  if (warning.length > 0) response.setHeader('warning', warning);
  response.writeHead(status, {
    'content-type': contentType ?? 'application/json',
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
  });
  response.end(bytes);
}

export function sendError(response: ServerResponse, error: ApiError): void {
  const { retryAfterSeconds } = error.details;
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  sendJson(response, { status: error.status, body: statusBody(error) });
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
