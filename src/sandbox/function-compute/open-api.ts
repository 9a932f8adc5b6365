import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { permits } from '../ram.ts';
import type { FunctionHost } from './host.ts';
import { type Listening, listen, readBody, sendJson } from './http-io.ts';
import type { Account, AccountRole } from './instance-context.ts';
import type { Outcome, Refusal } from './invocation.ts';
import { checkSignature } from './signature.ts';

/** The two generations of the API: they differ in path and in the names inside an error. */
type Version = '2016-08-15' | '2023-03-30';

interface Call {
  readonly version: Version;
  readonly functionName: string;
}

const bodyBytesMax = 32 * 1024 * 1024;

/** The invocation API of Function Compute on loopback, signatures checked. The host may be made after the door. */
export function startOpenApi(hostOf: () => FunctionHost, account: Account, port = 0): Promise<Listening> {
  return listen((request, response) => respond(hostOf(), account, request, response), port);
}

async function respond(
  host: FunctionHost,
  account: Account,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://fc');
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const call = parsePath(url.pathname);
  const version = call?.version ?? '2023-03-30';
  const body = await readBody(request, bodyBytesMax);
  if (body === null) return refuse(response, version, tooLarge);
  const signed = { method: request.method ?? '', path, headers: request.headers, body };
  const caller = account.roles?.find(({ keys }) =>
    request.headers.authorization?.startsWith(`FC ${keys.accessKeyId}:`),
  );
  const refusal =
    checkSignature(signed, caller?.keys ?? account.credentials, Date.now()) ??
    (caller && call && !mayInvoke(account, caller, call.functionName) ? notAuthorized(call.functionName) : null) ??
    (call ? null : notSupported(request, path)) ??
    host.refusal();
  if (refusal || call === null) return refuse(response, version, refusal ?? notSupported(request, path));
  if (request.method !== 'POST') return refuse(response, version, notSupported(request, path));
  const qualifier = url.searchParams.get('qualifier') ?? 'LATEST';
  if (qualifier !== 'LATEST') return refuse(response, version, aliasNotFound(qualifier, call.functionName));
  const type = header(request, 'x-fc-invocation-type')?.toLowerCase() ?? 'sync';
  if (type === 'async') return invokeAsync(host, call, request, body, response);
  if (type === 'sync') return invokeSync(host, call, body, response);
  refuse(response, version, {
    status: 400,
    code: 'InvalidArgument',
    message: `invalid invocation type '${type.slice(0, 64)}'`,
  });
}

async function invokeSync(host: FunctionHost, call: Call, body: Buffer, response: ServerResponse): Promise<void> {
  const ended = await host.invokeSync(call.functionName, body);
  if ('status' in ended) return refuse(response, call.version, ended);
  const { requestId, outcome } = ended;
  // A function that failed is a call that went well: 200, and a header says so.
  const bytes = outcomeBytes(outcome);
  response.writeHead(200, {
    'content-type': outcome.kind === 'ok' ? 'application/octet-stream' : 'application/json',
    'content-length': bytes.length,
    'x-fc-request-id': requestId,
    ...(outcome.kind === 'ok' ? {} : { 'x-fc-error-type': outcome.errorType }),
  });
  response.end(bytes);
}

function invokeAsync(
  host: FunctionHost,
  call: Call,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): void {
  const accepted = host.invokeAsync(call.functionName, body, asyncOptions(request));
  if ('status' in accepted) {
    refuse(response, call.version, accepted);
    return;
  }
  response.writeHead(202, { 'x-fc-request-id': accepted.requestId, 'content-length': 0 });
  response.end();
}

/** What the headers of an asynchronous call ask for; a delay that is no number is left for the model to refuse. */
export function asyncOptions(request: IncomingMessage): { delayS?: number; taskId?: string } {
  const delay = header(request, 'x-fc-async-delay');
  const taskId = header(request, 'x-fc-async-task-id') ?? header(request, 'x-fc-stateful-async-invocation-id');
  return { ...(delay === undefined ? {} : { delayS: Number(delay) }), ...(taskId === undefined ? {} : { taskId }) };
}

/** The body that a caller gets for the end of a run. */
export function outcomeBytes(outcome: Outcome): Uint8Array {
  return outcome.kind === 'ok' ? outcome.body : Buffer.from(JSON.stringify(outcome.error));
}

function parsePath(pathname: string): Call | null {
  const [, name] = /^\/2023-03-30\/functions\/([^/]+)\/invocations$/.exec(pathname) ?? [];
  if (name !== undefined) return { version: '2023-03-30', functionName: name };
  const [, old] = /^\/2016-08-15\/services\/[^/]+\/functions\/([^/]+)\/invocations$/.exec(pathname) ?? [];
  return old === undefined ? null : { version: '2016-08-15', functionName: old };
}

function refuse(response: ServerResponse, version: Version, refusal: Refusal): void {
  const requestId = randomUUID();
  const { code, message } = refusal;
  const body =
    version === '2023-03-30'
      ? { RequestId: requestId, Code: code, Message: message }
      : { ErrorCode: code, ErrorMessage: message };
  sendJson(response, refusal.status, body, { 'x-fc-request-id': requestId });
}

function mayInvoke({ region, accountId }: Account, { cloud }: AccountRole, functionName: string): boolean {
  return permits(cloud, 'fc:InvokeFunction', `acs:fc:${region}:${accountId}:functions/${functionName}`);
}

function notAuthorized(functionName: string): Refusal {
  const message = `the caller is not authorized to perform 'fc:InvokeFunction' on resource '${functionName}'`;
  return { status: 403, code: 'AccessDenied', message };
}

const tooLarge: Refusal = {
  status: 400,
  code: 'EntityTooLarge',
  message: `payload size exceeds maximum allowed size (${bodyBytesMax} bytes)`,
};

function notSupported(request: IncomingMessage, path: string): Refusal {
  const message = `'${request.method}' against '${path.slice(0, 256)}' is not supported`;
  return { status: 400, code: 'PathNotSupported', message };
}

function aliasNotFound(alias: string, functionName: string): Refusal {
  return {
    status: 404,
    code: 'AliasNotFound',
    message: `alias '${alias.slice(0, 64)}' of '${functionName}' does not exist`,
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
