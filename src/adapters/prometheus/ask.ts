import { isIP } from 'node:net';
import { messageOf, TerminalError, TransientError } from '../../ports/errors.ts';
import { isLoopback, mayReach } from '../addresses.ts';

/** A Prometheus, or what speaks its HTTP API. */
export interface Endpoint {
  /** Where its API begins, without `/api/v1`. @throws TerminalError where its reference leads nowhere */
  readonly url: () => string;
  /** Sent as a bearer token; null: none. @throws TerminalError as `url` */
  readonly token: (() => string) | null;
  readonly timeoutMs: number;
}

const bodyBytesMax = 8 * 1024 * 1024;
const errorTextMax = 300;

/**
 * The answer to one query at one time, as parsed JSON. Redirects are not followed: only what was configured is asked.
 * @param atMs milliseconds since the epoch
 * @throws TransientError for time-outs, 5xx, throttling and broken connections; TerminalError for what asking again does not mend
 */
export async function ask(endpoint: Endpoint, query: string, atMs: number): Promise<unknown> {
  const url = addressOf(endpoint);
  const token = endpoint.token === null ? null : endpoint.token().trim();
  if (token !== null && url.protocol !== 'https:' && !isLoopback(hostOf(url))) {
    throw new TerminalError('a token is sent by https only');
  }
  const body = new URLSearchParams({ query, time: String(atMs / 1000), timeout: `${endpoint.timeoutMs}ms` });
  const headers = { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  const signal = AbortSignal.timeout(endpoint.timeoutMs);
  let answer: { readonly status: number; readonly text: string };
  try {
    const response = await fetch(url, { method: 'POST', body, headers, signal, redirect: 'manual' });
    answer = { status: response.status, text: await readBounded(response) };
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    if (signal.aborted) throw new TransientError(`no answer within ${endpoint.timeoutMs} ms`);
    // The cause of a fetch that fails names the address, which is a secret as far as anybody knows.
    throw new TransientError(`no answer: ${codeOf(error)}`);
  }
  return readAnswer(answer);
}

function addressOf(endpoint: Endpoint): URL {
  const text = endpoint.url().trim().replace(/\/+$/, '');
  const url = URL.canParse(text) ? new URL(`${text}/api/v1/query`) : null;
  const isPlain = url !== null && url.username === '' && url.password === '' && !/[?#]/.test(text);
  if (!isPlain || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new TerminalError('its address must be an http or https URL without a password, query or fragment');
  }
  const host = hostOf(url);
  if (isIP(host) !== 0 && !mayReach(host, true)) throw new TerminalError('its address is one that is never asked');
  return url;
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > bodyBytesMax) {
      throw new TerminalError(`the answer is larger than ${bodyBytesMax / 1024 / 1024} MB: narrow the query`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer({ status, text }: { readonly status: number; readonly text: string }): unknown {
  const answer = parsed(text);
  if (status === 200 && answer !== null) return answer;
  const { error } = (answer ?? {}) as { readonly error?: unknown };
  const said = typeof error === 'string' ? `: ${error.replace(/\p{Cc}+/gu, ' ').slice(0, errorTextMax)}` : '';
  if (status === 200) throw new TerminalError('the answer is no JSON: is it a Prometheus?');
  if (status >= 500 || status === 429 || status === 408) throw new TransientError(`HTTP ${status}${said}`);
  throw new TerminalError(`HTTP ${status}${said}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : messageOf(error).slice(0, 100);
}
