import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SandboxClock } from '../clock.ts';
import type { Fault, Faults } from '../faults.ts';
import type { Random } from '../random.ts';
import type { SignedRequest } from './acs3-signature.ts';
import { Authentication, type Credential } from './authentication.ts';
import { defaultHoldMs } from './client.ts';
import type { Body } from './cloud.ts';
import { ClbError, clbErrors } from './errors.ts';
import { errorOfFault } from './fault-errors.ts';
import { clusterIdIn, clusterKubeconfig, type KubeconfigOf, meshKubeconfig } from './kubeconfig-actions.ts';
import { type ClbModel, type ClbResponse, hostId } from './model.ts';
import type { Params } from './params.ts';
import { loadBalancersOf, refuseUnlessPermitted } from './permission.ts';
import { requestIdFrom } from './request-id.ts';
import { answerJson, readRequest } from './rpc-message.ts';

export interface OpenApiOptions {
  readonly model: ClbModel;
  readonly clock: SandboxClock;
  readonly faults: Faults;
  readonly random: Random;
  /** The one region that is served; the model's own. */
  readonly regionId: string;
  readonly credentials: readonly Credential[];
  /** Whose resources these are; needed where a credential has a policy. */
  readonly accountId?: string;
  readonly kubeconfigOf: KubeconfigOf;
  /** A free one when absent. */
  readonly port?: number;
  /** Called for every request that is signed as it must be. */
  readonly onRequest?: (request: {
    readonly action: string;
    readonly version: string;
    readonly accessKeyId: string;
  }) => void;
}

export interface OpenApi {
  /** `127.0.0.1:port`, without a scheme, as the vendor's clients want it. */
  readonly endpoint: string;
  /** Cuts what is still open, then closes. */
  stop(): Promise<void>;
}

/**
 * The vendor's OpenAPI on loopback: SLB 2014-05-15 by RPC, and what hands out kubeconfigs (servicemesh 2020-01-11 by
 * RPC, CS 2015-12-15 by ROA) at the same endpoint. Signatures are checked as the real one checks them.
 */
export async function startOpenApi(options: OpenApiOptions): Promise<OpenApi> {
  if (options.regionId !== options.model.regionId) throw new Error('the OpenAPI and its model must be of one region');
  const authentication = new Authentication(options.credentials);
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    serve(options, authentication, stopping.signal, request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  options: OpenApiOptions,
  authentication: Authentication,
  stopping: AbortSignal,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const signed = await readRequest(request);
  const fault = options.faults.strike('clb', ['error', 'delay', 'drop', 'stall']);
  if (fault?.kind === 'delay' || fault?.kind === 'stall') {
    await options.clock.sleep(fault.forMs ?? defaultHoldMs[fault.kind], stopping);
  }
  const isLost = fault?.kind === 'drop' || fault?.kind === 'stall' || stopping.aborted;
  // A connection that breaks may have broken before or after the call took effect; a caller cannot tell.
  const isCarriedOut = fault?.kind !== 'stall' && (!isLost || options.random.next() < 0.5);
  const { status, body } = isCarriedOut ? answer(options, authentication, signed, fault) : { status: 0, body: {} };
  if (isLost) request.socket.destroy();
  else answerJson(response, status, body);
}

function answer(
  options: OpenApiOptions,
  authentication: Authentication,
  request: SignedRequest | null,
  fault: Fault | null,
): ClbResponse {
  const isRoa = request !== null && request.path !== '/';
  try {
    if (fault?.kind === 'error') throw errorOfFault(fault);
    if (request === null) throw new ClbError(413, 'RequestEntityTooLarge', 'The request body is too large.');
    return route(options, authentication, request);
  } catch (error) {
    if (!(error instanceof ClbError)) throw error;
    const requestId = requestIdFrom(options.random);
    const { status, code, message } = error;
    if (isRoa) return { status, body: { requestId, code, message } };
    return { status, body: { RequestId: requestId, HostId: hostId, Code: code, Message: message } };
  }
}

function route(options: OpenApiOptions, authentication: Authentication, request: SignedRequest): ClbResponse {
  const now = options.clock.now();
  const action = request.headers['x-acs-action'] ?? '';
  const version = request.headers['x-acs-version'] ?? '';
  const { accessKeyId, policy } = authentication.check(request, now, Date.now());
  options.onRequest?.({ action, version, accessKeyId });
  const params: Params = Object.fromEntries([...request.query, ...formFields(request)]);
  const requestId = requestIdFrom(options.random);
  const done = (body: Body): ClbResponse => ({ status: 200, body: { RequestId: requestId, ...body } });
  const named = (product: string, what: string): string =>
    `acs:${product}:${options.regionId}:${options.accountId ?? ''}:${what}`;
  const clusterId = clusterIdIn(request.path);
  if (clusterId !== null && request.method === 'GET' && version === '2015-12-15') {
    refuseUnlessPermitted(policy, 'cs:DescribeClusterUserKubeconfig', [named('cs', `cluster/${clusterId}`)]);
    return { status: 200, body: clusterKubeconfig(options.kubeconfigOf, clusterId, params, now) };
  }
  if (request.path !== '/' || !['GET', 'POST'].includes(request.method)) throw clbErrors.actionNotFound();
  if (version === '2014-05-15') {
    const ids = loadBalancersOf(params, options.model.loadBalancers(now));
    refuseUnlessPermitted(
      policy,
      `slb:${action}`,
      ids.map((id) => named('slb', `loadbalancer/${id}`)),
    );
    return options.model.call(action, params, now);
  }
  if (version === '2020-01-11' && action === 'DescribeServiceMeshKubeconfig') {
    const mesh = named('servicemesh', `servicemesh/${params['ServiceMeshId'] ?? '*'}`);
    refuseUnlessPermitted(policy, `servicemesh:${action}`, [mesh]);
    return done(meshKubeconfig(options.kubeconfigOf, params, now));
  }
  throw clbErrors.actionNotFound();
}

/** RPC parameters may also come as a form; they are covered by the content's hash. */
function formFields(request: SignedRequest): readonly (readonly [string, string])[] {
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  return isForm ? [...new URLSearchParams(request.body.toString('utf8'))] : [];
}
