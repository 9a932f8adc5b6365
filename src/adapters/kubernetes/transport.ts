import http from 'node:http';
import https from 'node:https';
import type { PromiseHttpLibrary, RequestContext, ResponseContext } from '@kubernetes/client-node';
import type { Clock } from '../../ports/clock.ts';
import { TerminalError, TransientError } from '../../ports/errors.ts';

export interface TransportOptions {
  readonly clock: Clock;
  /** For one attempt from connecting to the last byte, wall time. */
  readonly timeoutMs: number;
}

type Agent = http.Agent | https.Agent;
type Answered = { readonly status: number; readonly headers: Record<string, string>; readonly body: Buffer };

const retriesMax = 2;
const backoffMs = 100;
const retryAfterMsMax = 2_000;
const bodyBytesMax = 32 * 1024 * 1024;

/** Sends the generated client's requests, within its bounds; `close` ends the connections that are kept for the next read. */
export interface Transport extends PromiseHttpLibrary {
  close(): void;
}

/**
 * The generated client has no time-out, no limit on a body and no retry; this is its wire instead. Only reads are sent
 * again (429, 5xx, a broken connection), and only while the first time-out lasts: a write is for the caller to judge.
 *
 * @throws TransientError for all of those and for answers that are not JSON; TerminalError for a certificate or an
 *   answer beyond the limit. Everything else is an answer, whatever its status.
 */
export function transport(options: TransportOptions, toResponse: (answered: Answered) => ResponseContext): Transport {
  const kept = new Set<Agent>();
  let shared: Agent | null = null;
  const agentOf = (request: RequestContext): Agent | undefined => {
    const given = request.getAgent();
    // After a thaw a kept connection may be dead. A read is sent again, a write must not be, so it gets a fresh one.
    if (!isRead(request) || given?.constructor !== https.Agent) return given;
    if (shared === null) {
      shared = new https.Agent({ ...given.options, keepAlive: true, maxSockets: 8 });
      kept.add(shared);
    }
    return shared;
  };
  return {
    send: async (request) => {
      const startedAtMs = performance.now();
      for (let attempt = 0; ; attempt++) {
        try {
          return toResponse(await exchange(request, agentOf(request), options.timeoutMs));
        } catch (error) {
          const isInTime = performance.now() - startedAtMs < options.timeoutMs;
          const pauseMs = pauseBefore(error, attempt);
          if (pauseMs === null || !isRead(request) || attempt >= retriesMax || !isInTime) throw error;
          await options.clock.sleep(pauseMs);
        }
      }
    },
    close: () => {
      for (const agent of kept) agent.destroy();
    },
  };
}

function isRead(request: RequestContext): boolean {
  return request.getHttpMethod().toString() === 'GET';
}

function pauseBefore(error: unknown, attempt: number): number | null {
  if (!(error instanceof TransientError)) return null;
  if (error.retryAfterMs === null) return backoffMs * 2 ** attempt;
  return error.retryAfterMs <= retryAfterMsMax ? error.retryAfterMs : null;
}

async function exchange(request: RequestContext, agent: Agent | undefined, timeoutMs: number): Promise<Answered> {
  const signal = AbortSignal.timeout(timeoutMs);
  let answered: Answered;
  try {
    const response = await open(request, agent, signal);
    answered = { status: response.statusCode ?? 0, headers: flat(response.headers), body: await bytes(response) };
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    if (signal.aborted) throw new TransientError(`no answer within ${timeoutMs} ms`);
    throw networkFailure(error);
  }
  const { status, headers } = answered;
  if (status === 429 || status >= 500) throw new TransientError(`status ${status}`, retryAfter(headers));
  const type = headers['content-type'] ?? '';
  const isHtml = type.startsWith('text/html');
  if (isHtml || (status >= 200 && status < 300 && !type.startsWith('application/json'))) {
    throw new TransientError(`the answer is ${type.slice(0, 40) || 'of no type'}, not JSON (status ${status})`);
  }
  return answered;
}

function open(request: RequestContext, agent: Agent | undefined, signal: AbortSignal): Promise<http.IncomingMessage> {
  const url = request.getUrl();
  const body = request.getBody();
  const payload = body === undefined ? undefined : Buffer.from(String(body));
  const headers = {
    ...request.getHeaders(),
    'User-Agent': 'sluice',
    ...(payload === undefined ? {} : { 'Content-Length': payload.length }),
  };
  const method = request.getHttpMethod().toString();
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? https.request : http.request;
    const sent = send(url, { method, headers, signal, ...(agent === undefined ? {} : { agent }) }, resolve);
    sent.on('error', reject);
    sent.end(payload);
  });
}

async function bytes(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytesMax) throw new TerminalError(`the answer is larger than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Seconds or a date; what is neither is left out. */
function retryAfter(headers: Readonly<Record<string, string>>): { readonly retryAfterMs?: number } {
  const text = headers['retry-after'] ?? '';
  return /^\d{1,6}$/.test(text) ? { retryAfterMs: Number(text) * 1000 } : {};
}

function networkFailure(error: unknown): TransientError | TerminalError {
  const code = (error as { readonly code?: unknown }).code;
  const name = typeof code === 'string' ? code : 'the connection broke';
  // The message of such an error may hold the URL; its code is enough, and says which of the two it is.
  if (/CERT|SELF_SIGNED|VERIFY|ERR_TLS/.test(name))
    return new TerminalError(`the certificate is not accepted: ${name}`);
  return new TransientError(name);
}
