import type * as OpenApiCore from '@alicloud/openapi-core';
import type { Clock } from '../../ports/clock.ts';
import { TransientError } from '../../ports/errors.ts';
import type { CloudCredentials, CredentialsSource } from './credentials.ts';
import { isExpiredToken, translated } from './open-api-errors.ts';

/** One product's OpenAPI: the CLB's, or those that hand out kubeconfigs. */
export interface OpenApiOptions {
  readonly region: string;
  /** Host, with a port where it is not the protocol's own; without a scheme. */
  readonly endpoint: string;
  /** `http` is for the sandbox: the core signs either way. */
  readonly protocol: 'https' | 'http';
  /** YYYY-MM-DD of the product's API. */
  readonly version: string;
  /** How RAM calls the product, in the names of its actions: `slb`. */
  readonly product: string;
  readonly credentials: CredentialsSource;
  readonly clock: Clock;
  /** For one attempt, wall time; 10,000 unless told. The core's own 3 s is too short for a busy CLB (reference B3). */
  readonly timeoutMs?: number;
}

export interface OpenApiCall {
  readonly action: string;
  readonly style: 'RPC' | 'ROA';
  readonly method: 'POST' | 'GET';
  readonly pathname: string;
  readonly query: Readonly<Record<string, unknown>>;
  /** The object that it is about, for messages: `rsp-pub-80`. */
  readonly about: string;
}

/** Sends one call and gives its parsed JSON body. @throws TransientError or TerminalError, never the vendor's own */
export type OpenApi = (call: OpenApiCall) => Promise<unknown>;

type Core = typeof OpenApiCore.default;
type Client = InstanceType<Core['default']>;

const timeoutMsDefault = 10_000;
const attemptsMax = 3;
const backoffMs = 250;
const retryAfterMsMax = 2_000;

/**
 * A client over the vendor's core. The core retries nothing by itself (reference B3), so the bounded retries are here;
 * every call that is sent through it is idempotent.
 */
export function openApi(options: OpenApiOptions): OpenApi {
  let held: { readonly credentials: CloudCredentials; readonly client: Client } | null = null;
  const clientFor = async (credentials: CloudCredentials): Promise<Client> => {
    if (held === null || !areSame(held.credentials, credentials)) {
      held = { credentials, client: await makeClient(options, credentials) };
    }
    return held.client;
  };
  return async (call) => {
    const asked = `${call.action} (${call.about})`;
    const startedAtMs = performance.now();
    const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    let isRefreshed = false;
    for (let attempt = 1; ; attempt++) {
      const credentials = await options.credentials();
      try {
        return await send(await clientFor(credentials), options, call);
      } catch (error) {
        if (isExpiredToken(error) && !isRefreshed) {
          isRefreshed = true;
          continue;
        }
        const permission = `${options.product}:${call.action}`;
        const failure = translated(error, { asked, permission }, credentials);
        // A call that already waited a whole time-out is not worth a second wait: the caller looks again anyway.
        const isInTime = performance.now() - startedAtMs < timeoutMs;
        const pauseMs = pauseBefore(failure, attempt);
        if (pauseMs === null || attempt >= attemptsMax || !isInTime) throw failure;
        await options.clock.sleep(pauseMs);
      }
    }
  };
}

function pauseBefore(failure: Error, attempt: number): number | null {
  if (!(failure instanceof TransientError)) return null;
  if (failure.retryAfterMs === null) return backoffMs * 2 ** (attempt - 1);
  return failure.retryAfterMs <= retryAfterMsMax ? failure.retryAfterMs : null;
}

async function send(client: Client, options: OpenApiOptions, call: OpenApiCall): Promise<unknown> {
  const core = await loadCore();
  const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
  const { action, style, method, pathname } = call;
  const params = new core.$OpenApiUtil.Params({
    action,
    version: options.version,
    protocol: options.protocol.toUpperCase(),
    pathname,
    method,
    authType: 'AK',
    style,
    reqBodyType: style === 'RPC' ? 'formData' : 'json',
    bodyType: 'json',
  });
  const request = new core.$OpenApiUtil.OpenApiRequest({ query: core.OpenApiUtil.query(call.query) });
  // The core's type for run-time options lives in a package that is not ours to name; it reads these two fields.
  const runtime = { connectTimeout: timeoutMs, readTimeout: timeoutMs } as Parameters<typeof client.callApi>[2];
  const answer = await within(timeoutMs, `${action} (${call.about})`, client.callApi(params, request, runtime));
  return answer['body'];
}

/** The core's read time-out does not cover a body that stops half way, so the whole exchange has one of its own. */
async function within<T>(timeoutMs: number, asked: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TransientError(`${asked}: no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function makeClient(options: OpenApiOptions, credentials: CloudCredentials): Promise<Client> {
  const core = await loadCore();
  return new core.default(
    new core.$OpenApiUtil.Config({
      accessKeyId: credentials.accessKeyId,
      accessKeySecret: credentials.accessKeySecret,
      ...(credentials.securityToken ? { securityToken: credentials.securityToken } : {}),
      regionId: options.region,
      endpoint: options.endpoint,
      protocol: options.protocol,
      userAgent: 'sluice',
    }),
  );
}

/** The core is CommonJS: a native import wraps its exports once more (reference B3), a bundle or vitest may not. */
async function loadCore(): Promise<Core> {
  const loaded: { readonly default: unknown } = await import('@alicloud/openapi-core');
  const inner = loaded.default;
  const isWrapped = typeof inner === 'object' && inner !== null && 'default' in inner;
  return (isWrapped ? inner : loaded) as Core;
}

function areSame(one: CloudCredentials, other: CloudCredentials): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.accessKeySecret === other.accessKeySecret &&
    one.securityToken === other.securityToken
  );
}
