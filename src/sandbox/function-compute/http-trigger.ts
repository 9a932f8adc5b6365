import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionHost } from './host.ts';
import { responseOf, triggerEvent } from './http-event.ts';
import { type Listening, listen, readBody, sendJson } from './http-io.ts';
import type { Account } from './instance-context.ts';
import type { Refusal } from './invocation.ts';
import { asyncOptions, outcomeBytes } from './open-api.ts';

const bodyBytesMax = 32 * 1024 * 1024;
const headerBytesMax = 8 * 1024;
const urlBytesMax = 4 * 1024;

/**
 * The public URL of one function with an HTTP trigger (authType anonymous).
 *
 * @source http-trigger-invoking-function 2026-04-01 (reference A2); error headers: the service's page on HTTP errors
 */
export function startHttpTrigger(
  hostOf: () => FunctionHost,
  account: Account,
  functionName: string,
  port = 0,
): Promise<Listening> {
  return listen((request, response) => respond(hostOf(), account, functionName, request, response), port);
}

async function respond(
  host: FunctionHost,
  account: Account,
  functionName: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, bodyBytesMax);
  const refusal = overLimit(request, body) ?? host.refusal();
  if (refusal || body === null) return refuse(response, refusal ?? invalid('the body exceeds 32 MB'));
  const event = triggerEvent(request, body, account);
  if (/^async$/i.test(String(request.headers['x-fc-invocation-type'] ?? ''))) {
    const accepted = host.invokeAsync(functionName, event, asyncOptions(request));
    if ('status' in accepted) return refuse(response, accepted);
    response.writeHead(202, { 'x-fc-request-id': accepted.requestId, 'content-length': 0 });
    response.end();
    return;
  }
  const ended = await host.invokeSync(functionName, event);
  if ('status' in ended) return refuse(response, ended);
  const ids = { 'x-fc-request-id': ended.requestId };
  if (ended.outcome.kind === 'failed') {
    response.writeHead(502, { ...ids, 'x-fc-error-type': ended.outcome.errorType, 'content-type': 'application/json' });
    response.end(outcomeBytes(ended.outcome));
    return;
  }
  const answer = responseOf(ended.outcome.body);
  if ('code' in answer) {
    sendJson(response, answer.status, errorBody(answer), { ...ids, 'x-fc-error-type': 'UnhandledInvocationError' });
    return;
  }
  response.writeHead(answer.statusCode, { ...answer.headers, ...ids });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function overLimit(request: IncomingMessage, body: Buffer | null): Refusal | null {
  const headerBytes = request.rawHeaders.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
  if (headerBytes > headerBytesMax) return invalid('the request headers exceed 8 KB');
  if (Buffer.byteLength(request.url ?? '') > urlBytesMax) return invalid('path and query exceed 4 KB');
  return body === null ? invalid('the body exceeds 32 MB') : null;
}

function invalid(message: string): Refusal {
  return { status: 400, code: 'InvalidArgument', message };
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  sendJson(response, refusal.status, errorBody(refusal), { 'x-fc-error-type': 'FcCommonError' });
}

function errorBody({ code, message }: Refusal): Readonly<Record<string, string>> {
  return { ErrorCode: code, ErrorMessage: message };
}
