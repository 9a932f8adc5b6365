import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import { checkHost, guardedLookup } from './address.ts';
import type { Surroundings } from './channel.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** At most 16 KB of it. */
  readonly body: string;
}

const answerBytesMax = 16 * 1024;
/** Receivers refuse more (Standard Webhooks, Feishu). */
const bodyBytesMax = 20 * 1024;
const retryAfterMsMax = 60 * 60_000;

/**
 * The one HTTP POST of all channels: no redirects, a time-out, a bounded answer, a connection of its own (one that was kept
 * from an earlier invocation may be dead). Any answer at all is returned.
 * @throws TerminalError where it must not go there, TransientError when there was no answer; both name the channel and
 *   never the address
 */
export async function post(
  name: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  surroundings: Surroundings,
): Promise<Answer> {
  const bytes = Buffer.from(body, 'utf8');
  if (bytes.length >= bodyBytesMax) {
    throw new TerminalError(`channel ${name}: a message of ${bytes.length} bytes; the limit is ${bodyBytesMax}`);
  }
  checkHost(name, url, surroundings.hosts);
  const signal = AbortSignal.timeout(surroundings.timeoutMs);
  try {
    return await exchange(name, url, headers, bytes, surroundings, signal);
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    if (signal.aborted) throw new TransientError(`channel ${name}: no answer within ${surroundings.timeoutMs} ms`);
    // No cause: errors of the network quote the host, and those of the parser the raw answer.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'broken connection';
    throw new TransientError(`channel ${name}: no answer (${code})`);
  }
}

function exchange(
  name: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  bytes: Buffer,
  { isLoopbackAllowed, resolve: names }: Surroundings,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = {
      method: 'POST',
      agent: false,
      signal,
      lookup: guardedLookup(name, isLoopbackAllowed, names),
      headers: { ...headers, 'content-length': bytes.length, 'user-agent': 'sluice' },
    } as const;
    const request = send(url, options, (response) => {
      read(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        reject,
      );
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const part = chunk as Buffer;
    chunks.push(part);
    length += part.length;
    // Leaving the loop closes the connection: whoever answers with more has said enough.
    if (length >= answerBytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, answerBytesMax).toString('utf8');
}

/** Statuses that ask to come back later, or that a passing fault gives. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** How long the receiver asked to be left alone (seconds or a date), at most an hour; null when it did not say. */
function retryAfterMs(answer: Answer, nowMs: number): number | null {
  const value = answer.headers['retry-after'];
  if (typeof value !== 'string') return null;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), retryAfterMsMax) : null;
}

/** The error for a status that is no success, so that every kind of channel treats them alike. */
export function statusError(name: string, answer: Answer, nowMs: number): TransientError | TerminalError {
  const message = `channel ${name}: answered ${answer.status}`;
  if (!isPassing(answer.status)) return new TerminalError(message);
  const wait = retryAfterMs(answer, nowMs);
  return new TransientError(message, wait === null ? {} : { retryAfterMs: wait });
}
