import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type FcClient from '@alicloud/fc2';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import type { Invoker } from '../../ports/invoker.ts';
import type { CredentialsSource } from '../clb/credentials.ts';
import { isNetworkCode } from '../clb/open-api-errors.ts';

export interface FcInvokerOptions {
  readonly accountId: string;
  readonly region: string;
  /** With a scheme; else the account's own endpoint in the region. */
  readonly endpoint?: string;
  readonly functionName: string;
  /** A version or an alias; without it, `LATEST`. */
  readonly qualifier?: string;
  readonly credentials: CredentialsSource;
  /** TLS unless told; an endpoint with a scheme decides for itself. */
  readonly secure?: boolean;
  /** Wall time; 10,000 unless told. */
  readonly timeoutMs?: number;
}

const attemptsMax = 3;
const backoffMs = 100;
const timeoutMsDefault = 10_000;
/** The platform takes delays below one hour (reference A6). */
const delaySecondsMax = 3_599;
const idCharactersMax = 128;

/**
 * Asynchronous self-invocation: accepted means that it will run, at least once. The event is `{"name": "<migration>"}`;
 * the id is the platform's task id, so the same one twice is one invocation, and asking again after an error is safe.
 */
export function fcInvoker(options: FcInvokerOptions): Invoker {
  return {
    invoke: async (name, id, inMs) => {
      const delaySeconds = Math.min(delaySecondsMax, Math.ceil(inMs / 1000));
      const headers = {
        'x-fc-invocation-type': 'Async',
        'x-fc-async-task-id': taskId(id),
        ...(delaySeconds > 0 ? { 'x-fc-async-delay': String(delaySeconds) } : {}),
      };
      const startedAtMs = performance.now();
      for (let attempt = 1; ; attempt++) {
        const failure = await send(options, JSON.stringify({ name }), headers);
        if (failure === null) return;
        // A call that already waited a whole time-out is not worth a second wait: the tick finds all due work.
        const isInTime = performance.now() - startedAtMs < timeoutMsOf(options);
        if (!(failure instanceof TransientError) || attempt >= attemptsMax || !isInTime) throw failure;
        await wait(backoffMs * 2 ** (attempt - 1));
      }
    },
  };
}

/** Null where it was accepted, or was accepted before. */
async function send(
  options: FcInvokerOptions,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<TransientError | TerminalError | null> {
  const asked = `invoke ${options.functionName}`;
  const path = `/functions/${encodeURIComponent(options.functionName)}/invocations`;
  try {
    const client = await makeClient(options);
    const answer = await client.post(path, body, headers, { qualifier: options.qualifier ?? 'LATEST' });
    // A function that failed answers 200 and says so in a header (reference A7).
    const failure = answer.headers['x-fc-error-type'];
    return failure === undefined ? null : new TransientError(`${asked}: ${failure.slice(0, 80)}`);
  } catch (error) {
    return translated(error, asked);
  }
}

function timeoutMsOf({ timeoutMs }: FcInvokerOptions): number {
  return timeoutMs ?? timeoutMsDefault;
}

/** Only `[A-Za-z_][A-Za-z0-9_-]{0,127}` is a task id (reference A6); what has to be changed gets a digest, to stay its own. */
export function taskId(id: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/.test(id)) return id;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 16);
  const readable = id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, idCharactersMax - digest.length - 2);
  return `_${readable}_${digest}`;
}

/** A client for one call: it keeps the credentials it was made with, and those of a function change (reference B1). */
async function makeClient(options: FcInvokerOptions): Promise<FcClient> {
  const loaded = (await import('@alicloud/fc2')) as { readonly default: unknown };
  const Client = loaded.default as typeof FcClient;
  const { accessKeyId, accessKeySecret, securityToken } = await options.credentials();
  const client = new Client(options.accountId, {
    accessKeyID: accessKeyId,
    accessKeySecret,
    ...(securityToken ? { securityToken } : {}),
    region: options.region,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    secure: options.secure ?? true,
    timeout: timeoutMsOf(options),
  });
  // FC 3.0 has no services: its paths begin with the function (reference B1, B3).
  client.version = '2023-03-30';
  return client;
}

/**
 * Null where the task is there already (409), which is what was asked for. The client's own messages hold the path and,
 * for a broken connection, the URL; only the status and the code are passed on.
 */
function translated(error: unknown, asked: string): TransientError | TerminalError | null {
  if (error instanceof SyntaxError) return new TransientError(`${asked}: the answer is not JSON`);
  const { code, name, message } = error as {
    readonly code?: unknown;
    readonly name?: unknown;
    readonly message?: unknown;
  };
  const status = Number(/ failed with (\d{3})\. requestid/.exec(String(message))?.[1] ?? 0);
  const said = typeof code === 'string' ? code.slice(0, 80) : '';
  if (status === 409) return null;
  if (status === 0) {
    if (String(name).startsWith('RequestTimeout')) return new TransientError(`${asked}: no answer in time`);
    // What is no network error is a mistake in this installation, a module that is not in the bundle for one.
    const reason = `${asked}: ${said || String(name).slice(0, 80)}`;
    return isNetworkCode(said) ? new TransientError(reason) : new TerminalError(reason);
  }
  const text = `${asked}: ${status}${said === '' ? '' : ` ${said}`}`;
  return status === 429 || status >= 500 ? new TransientError(text) : new TerminalError(text);
}
