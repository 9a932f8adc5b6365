import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import { type AccessRule, adminRules, type Subject } from './access.ts';
import { ApiError, badRequest, errorOfStatus, unauthorized } from './api-error.ts';
import { serverCertificate } from './certificates.ts';
import { serverVersion } from './discovery.ts';
import { type Exchange, ok, sendError, sendJson, sendText } from './exchange.ts';
import { answerReview, discoveryDocument, isReviewPath } from './general-requests.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { ClusterModel } from './model.ts';
import { openApiV2, openApiV2Bytes, openApiV2Type } from './openapi.ts';
import { answerResource } from './resource-requests.ts';
import type { ResourceType } from './resource-types.ts';
import { groupPath, targetOf } from './routing.ts';
import { struck } from './striking.ts';

export type { AccessRule } from './access.ts';
export { ackResources, asmResources } from './resource-types.ts';

export interface ApiServer {
  /** `https://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** The objects themselves, for seeding; what is written here is watched like any other write. */
  readonly model: ClusterModel;
  /** YAML with the authority and the admin token; its one context is current, with namespace `default`. */
  readonly kubeconfig: string;
  /** The same for another of the tokens. */
  kubeconfigFor(token: string): string;
  /** Ends all watches and connections. */
  stop(): Promise<void>;
}

export interface ApiServerOptions {
  /** The cluster's name in kubeconfigs. */
  readonly name: string;
  /** Which faults strike here. */
  readonly place: 'ack' | 'asm';
  readonly serves: readonly ResourceType[];
  readonly clock: SandboxClock;
  readonly faults: Faults;
  /** What each token may do, besides the admin token, which may do everything. */
  readonly tokens?: Readonly<Record<string, readonly AccessRule[]>>;
  /** 0 or absent for a free one. */
  readonly port?: number;
  readonly onRequest?: (request: { method: string; path: string; userAgent: string }) => void;
}

/** What every request of one server needs. */
interface Front {
  readonly options: ApiServerOptions;
  readonly model: ClusterModel;
  readonly subjects: ReadonlyMap<string, Subject>;
  readonly stopped: AbortSignal;
  /** Open watches, by how to cut them. */
  readonly watches: Set<() => void>;
}

/** Starts a Kubernetes API server on loopback over a model of its own. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { name, serves, clock, faults, place } = options;
  const certificate = await serverCertificate();
  const adminToken = randomBytes(24).toString('base64url');
  const model = new ClusterModel({ name, serves, now: clock.now() });
  const stopping = new AbortController();
  const front: Front = {
    options,
    model,
    subjects: subjectsOf(options, adminToken),
    stopped: stopping.signal,
    watches: new Set(),
  };
  const server = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    void serve(front, request, response);
  });
  // Longer than any client keeps an idle connection, so that it is never closed under a request on its way.
  server.keepAliveTimeout = 300_000;
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const unsubscribe = faults.onChange(() => {
    for (const cut of front.watches) if (faults.strike(place, ['drop'])) cut();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfigFor = (token: string) =>
    kubeconfigText({ cluster: name, url, ca: certificate.ca, user: userOf(front, token), token });
  return {
    url,
    model,
    kubeconfig: kubeconfigFor(adminToken),
    kubeconfigFor,
    stop: () => {
      unsubscribe();
      stopping.abort();
      return closed(server);
    },
  };
}

function subjectsOf({ tokens = {} }: ApiServerOptions, adminToken: string): ReadonlyMap<string, Subject> {
  const others = Object.entries(tokens).map(([token, rules], i): [string, Subject] => [
    token,
    { user: `user-${i + 1}`, rules },
  ]);
  return new Map([[adminToken, { user: 'admin', rules: adminRules }], ...others]);
}

function userOf({ subjects }: Front, token: string): string {
  return subjects.get(token)?.user ?? 'unknown';
}

async function closed(server: Server): Promise<void> {
  const done = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await done;
}

async function serve(front: Front, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  // A client that goes away in the middle is its own affair: `close` follows and ends what was under way.
  response.on('error', () => undefined);
  request.on('error', () => undefined);
  const signal = AbortSignal.any([front.stopped, left.signal]);
  try {
    await answer(front, request, response, signal);
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else sendError(response, asApiError(error));
  }
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TypeError && 'code' in error && error.code === 'ERR_INVALID_URL')
    return badRequest('invalid URL');
  const text = error instanceof Error ? error.message : String(error);
  return new ApiError(500, 'InternalError', `Internal error occurred: ${text}`);
}

async function answer(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { options, model } = front;
  const url = new URL(request.url ?? '/', 'https://127.0.0.1');
  const { method = 'GET' } = request;
  options.onRequest?.({ method, path: `${url.pathname}${url.search}`, userAgent: request.headers['user-agent'] ?? '' });
  const fault = await struck(options, response, signal);
  if (fault === 'taken') return;
  if (fault !== null) throw errorOfStatus(fault.status);
  const subject = subjectOf(front, request);
  if (['/healthz', '/readyz', '/livez'].includes(url.pathname)) return sendText(response, 200, 'ok');
  if (url.pathname === '/version') return sendJson(response, ok(serverVersion));
  if (subject === null) throw unauthorized();
  if (url.pathname === '/openapi/v2') return sendOpenApiV2(request, response);
  const exchange: Exchange = { request, response, url, subject, signal };
  const path = groupPath(url.pathname);
  if (path === null || path.rest.length === 0) return sendDiscovery(exchange, options.serves, path);
  if (isReviewPath(path)) return sendJson(response, await answerReview(exchange));
  const target = targetOf(options.serves, path);
  const cut = () => response.destroy();
  if (url.searchParams.has('watch')) front.watches.add(cut);
  const answered = await answerResource(exchange, model, target, options.clock).finally(() =>
    front.watches.delete(cut),
  );
  if (answered !== null) sendJson(response, answered);
}

/** Null without a token, which is enough for health and version. @throws ApiError 401 for a wrong one */
function subjectOf({ subjects }: Front, request: IncomingMessage): Subject | null {
  const { authorization } = request.headers;
  if (authorization === undefined) return null;
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
  const subject = subjects.get(token);
  if (!subject) throw unauthorized();
  return subject;
}

function sendDiscovery(exchange: Exchange, serves: readonly ResourceType[], path: ReturnType<typeof groupPath>): void {
  const document = discoveryDocument(exchange, serves, path);
  if (document) sendJson(exchange.response, ok(document.body), document.contentType);
  else sendText(exchange.response, 404, '404 page not found\n');
}

function sendOpenApiV2(request: IncomingMessage, response: ServerResponse): void {
  if (!(request.headers.accept ?? '').includes('protobuf')) {
    sendJson(response, ok(openApiV2));
    return;
  }
  const bytes = openApiV2Bytes();
  response.writeHead(200, { 'content-type': openApiV2Type, 'content-length': bytes.length });
  response.end(bytes);
}
