import { createServer, request as httpRequest } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { clbClient } from '../../../src/sandbox/clb/client.ts';
import { type OpenApi, type OpenApiOptions, startOpenApi } from '../../../src/sandbox/clb/open-api.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { type Fault, Faults } from '../../../src/sandbox/faults.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { backendAt, clbWith } from './fixture.ts';

// The native import of this CommonJS package gives a namespace in a namespace; its own require does not.
const require = createRequire(import.meta.url);
const { default: Client, $OpenApiUtil, OpenApiUtil } = require('@alicloud/openapi-core');

const keys = { accessKeyId: 'LTAI5tSandbox', accessKeySecret: 'secret-of-the-sandbox' };
const temporary = {
  accessKeyId: 'STS.NTSandbox',
  accessKeySecret: 'temporary-secret',
  securityToken: 'CAIS+token/with=signs',
  expiresAtMs: Number.MAX_SAFE_INTEGER,
};
const expired = { ...temporary, accessKeyId: 'STS.Expired', expiresAtMs: 1 };

const opened: OpenApi[] = [];
afterEach(async () => {
  for (const api of opened.splice(0)) await api.stop();
});

async function start(options: Partial<OpenApiOptions> = {}) {
  const clock = sandboxClock(1);
  const faults = new Faults(seededRandom(1), clock.now);
  const model = clbWith([backendAt('a', 60)]);
  const api = await startOpenApi({
    model,
    clock,
    faults,
    random: seededRandom(2),
    regionId: 'cn-hangzhou',
    credentials: [keys, temporary, expired],
    kubeconfigOf: (id) => (id === 'c-mesh' || id === 'c-cluster' ? `kubeconfig of ${id}` : null),
    ...options,
  });
  opened.push(api);
  return { api, model, faults, clock };
}

type Credentials = { readonly accessKeyId: string; readonly accessKeySecret: string; readonly securityToken?: string };

function rpc(endpoint: string, credentials: Credentials, action: string, query: object, version = '2014-05-15') {
  const { accessKeyId, accessKeySecret, securityToken } = credentials;
  const config = new $OpenApiUtil.Config({
    accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined ? {} : { securityToken }),
    regionId: 'cn-hangzhou',
    endpoint,
    protocol: 'http',
  });
  const params = new $OpenApiUtil.Params({
    action,
    version,
    protocol: 'HTTP',
    pathname: '/',
    method: 'POST',
    authType: 'AK',
    style: 'RPC',
    reqBodyType: 'formData',
    bodyType: 'json',
  });
  const request = new $OpenApiUtil.OpenApiRequest({ query: OpenApiUtil.query({ RegionId: 'cn-hangzhou', ...query }) });
  return new Client(config).callApi(params, request, {});
}

async function codeOf(call: Promise<unknown>): Promise<readonly [number, string]> {
  const error = (await call.then(
    () => ({ statusCode: 200, code: 'none' }),
    (reason: unknown) => reason,
  )) as { statusCode: number; code: string };
  return [error.statusCode, error.code];
}

describe('the OpenAPI, called by the vendor’s own client', () => {
  it('answers a read whose signature is right, lists and special characters included', async () => {
    const { api } = await start();
    const listeners = await rpc(api.endpoint, keys, 'DescribeLoadBalancerListeners', { LoadBalancerId: ['lb-public'] });
    expect(listeners.statusCode).toBe(200);
    expect(listeners.body.TotalCount).toBe(2);
    const odd = await rpc(api.endpoint, keys, 'DescribeLoadBalancers', { LoadBalancerName: "ä b+c*(d)!'~%/?&=" });
    expect(odd.body.TotalCount).toBe(0);
  });

  it('carries out a write of weights', async () => {
    const { api, model } = await start();
    const servers = JSON.stringify([{ ServerId: 'eni-a', ServerIp: 'a', Port: 8080, Type: 'eni', Weight: 12 }]);
    await rpc(api.endpoint, keys, 'SetVServerGroupAttribute', {
      VServerGroupId: 'rsp-pub-80',
      BackendServers: servers,
    });
    expect(model.loadBalancers(0)[0]?.groups[0]?.backends[0]?.weight).toBe(12);
  });

  it('answers the errors of the model with status, code and request id', async () => {
    const { api } = await start();
    const call = rpc(api.endpoint, keys, 'DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-x' });
    await expect(call).rejects.toMatchObject({
      statusCode: 404,
      code: 'InvalidParameter',
      requestId: expect.stringMatching(/^[0-9A-F-]{36}$/),
    });
    expect(await codeOf(rpc(api.endpoint, keys, 'Nonsense', {}))).toEqual([404, 'InvalidAction.NotFound']);
    expect(await codeOf(rpc(api.endpoint, keys, 'DescribeLoadBalancers', {}, '1999-01-01'))).toEqual([
      404,
      'InvalidAction.NotFound',
    ]);
  });

  it('knows temporary keys by their token, and tells when they are expired', async () => {
    const seen: string[] = [];
    const { api } = await start({ onRequest: ({ accessKeyId }) => seen.push(accessKeyId) });
    expect(await codeOf(rpc(api.endpoint, temporary, 'DescribeLoadBalancers', {}))).toEqual([200, 'none']);
    expect(seen).toEqual(['STS.NTSandbox']);
    expect(await codeOf(rpc(api.endpoint, expired, 'DescribeLoadBalancers', {}))).toEqual([
      400,
      'InvalidSecurityToken.Expired',
    ]);
    const other = { ...temporary, securityToken: 'another' };
    expect(await codeOf(rpc(api.endpoint, other, 'DescribeLoadBalancers', {}))).toEqual([
      400,
      'InvalidSecurityToken.MismatchWithAccessKey',
    ]);
  });

  it('refuses an unknown key and a wrong secret', async () => {
    const { api } = await start();
    const unknown = { ...keys, accessKeyId: 'LTAIunknown' };
    const wrong = { ...keys, accessKeySecret: 'guess' };
    expect(await codeOf(rpc(api.endpoint, unknown, 'DescribeLoadBalancers', {}))).toEqual([
      404,
      'InvalidAccessKeyId.NotFound',
    ]);
    expect(await codeOf(rpc(api.endpoint, wrong, 'DescribeLoadBalancers', {}))).toEqual([400, 'SignatureDoesNotMatch']);
  });

  it('hands out the kubeconfig of a mesh', async () => {
    const { api } = await start();
    const found = await rpc(
      api.endpoint,
      keys,
      'DescribeServiceMeshKubeconfig',
      { ServiceMeshId: 'c-mesh' },
      '2020-01-11',
    );
    expect(found.body.Kubeconfig).toBe('kubeconfig of c-mesh');
    expect(found.body.ExpireTime).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    const unknown = rpc(api.endpoint, keys, 'DescribeServiceMeshKubeconfig', { ServiceMeshId: 'c-x' }, '2020-01-11');
    expect(await codeOf(unknown)).toEqual([404, 'ServiceMeshNotFound']);
  });

  it('hands out the temporary kubeconfig of a cluster, by ROA', async () => {
    const { api } = await start();
    const found = await roa(api.endpoint, 'c-cluster', { TemporaryDurationMinutes: '60' });
    expect(found.body.config).toBe('kubeconfig of c-cluster');
    const leftMs = Date.parse(found.body.expiration) - Date.now();
    expect(Math.round(leftMs / 60_000)).toBe(60);
    expect(await codeOf(roa(api.endpoint, 'c-x', {}))).toEqual([404, 'ErrorClusterNotFound']);
    expect(await codeOf(roa(api.endpoint, 'c-cluster', { TemporaryDurationMinutes: '5' }))).toEqual([
      400,
      'InvalidParameter',
    ]);
  });
});

function roa(endpoint: string, clusterId: string, query: object) {
  const config = new $OpenApiUtil.Config({ ...keys, regionId: 'cn-hangzhou', endpoint, protocol: 'http' });
  const params = new $OpenApiUtil.Params({
    action: 'DescribeClusterUserKubeconfig',
    version: '2015-12-15',
    protocol: 'HTTP',
    pathname: `/k8s/${clusterId}/user_config`,
    method: 'GET',
    authType: 'AK',
    style: 'ROA',
    reqBodyType: 'json',
    bodyType: 'json',
  });
  const request = new $OpenApiUtil.OpenApiRequest({ query: OpenApiUtil.query(query), headers: {} });
  return new Client(config).callApi(params, request, {});
}

describe('a request on its way', () => {
  /** A call of the real client as it was on the wire, to be sent again, also in a changed form. */
  async function recorded(): Promise<{ path: string; headers: Record<string, string> }> {
    const calls: { path: string; headers: Record<string, string> }[] = [];
    const recorder = createServer((request, response) => {
      calls.push({ path: request.url ?? '', headers: request.headers as Record<string, string> });
      response.end('{}');
    });
    await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve));
    await rpc(`127.0.0.1:${(recorder.address() as AddressInfo).port}`, keys, 'DescribeLoadBalancers', {});
    recorder.closeAllConnections();
    await new Promise<void>((resolve) => recorder.close(() => resolve()));
    const [call] = calls;
    if (call === undefined) throw new Error('nothing was recorded');
    return call;
  }

  function send(endpoint: string, path: string, headers: Record<string, string>, body = ''): Promise<[number, string]> {
    const [host, port] = endpoint.split(':');
    return new Promise((resolve, reject) => {
      const sized = { ...headers, 'content-length': String(body.length) };
      const request = httpRequest({ host, port, path, method: 'POST', headers: sized, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const answer = JSON.parse(Buffer.concat(chunks).toString()) as { Code?: string };
          resolve([response.statusCode ?? 0, answer.Code ?? 'none']);
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  it('is taken once: the same nonce again is refused', async () => {
    const { api } = await start();
    const { path, headers } = await recorded();
    const sent = () => send(api.endpoint, path, { ...headers, connection: 'close' });
    expect(await sent()).toEqual([200, 'none']);
    expect(await sent()).toEqual([400, 'SignatureNonceUsed']);
  });

  it('is refused where a parameter, a header, the body or the date was changed', async () => {
    const { api } = await start();
    const { path, headers } = await recorded();
    const late = { ...headers, 'x-acs-date': '2020-01-01T00:00:00Z' };
    const unsigned = { ...headers };
    delete unsigned['authorization'];
    expect(await send(api.endpoint, `${path}&PageSize=1`, headers)).toEqual([400, 'SignatureDoesNotMatch']);
    expect(await send(api.endpoint, path, { ...headers, 'x-acs-action': 'DeleteVServerGroup' })).toEqual([
      400,
      'SignatureDoesNotMatch',
    ]);
    expect(await send(api.endpoint, path, headers, 'RegionId=cn-hangzhou')).toEqual([400, 'SignatureDoesNotMatch']);
    expect(await send(api.endpoint, path, late)).toEqual([400, 'InvalidTimeStamp.Expired']);
    expect(await send(api.endpoint, path, unsigned)).toEqual([400, 'MissingAccessKeyId']);
    expect(await send(api.endpoint, path, headers, 'x'.repeat(200_000))).toEqual([413, 'RequestEntityTooLarge']);
  });
});

describe('the faults of the load balancer', () => {
  const read = (endpoint: string) => rpc(endpoint, keys, 'DescribeLoadBalancers', {});

  it.each([
    [{ status: 503 }, 503, 'ServiceUnavailable'],
    [{ status: 400 }, 400, 'Throttling.User'],
    [{ status: 429 }, 429, 'Throttling.User'],
    [{ status: 449 }, 449, 'SystemBusy'],
    [{}, 503, 'ServiceUnavailable'],
  ])('an error of %o is worded as the vendor does', async (fault, status, code) => {
    const { api, faults, model, clock } = await start();
    const put: Fault = { where: 'clb', kind: 'error', ...fault };
    faults.put([put]);
    expect(await codeOf(read(api.endpoint))).toEqual([status, code]);
    const inProcess = clbClient({ model, clock, faults })('DescribeLoadBalancers', {});
    await expect(inProcess).rejects.toMatchObject({ name: 'ClbError', status, code });
  });

  it('a dropped request reaches its caller as a broken connection', async () => {
    const { api, faults, model, clock } = await start();
    faults.put([{ where: 'clb', kind: 'drop' }]);
    await expect(read(api.endpoint)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(clbClient({ model, clock, faults })('DescribeLoadBalancers', {})).rejects.toMatchObject({ status: 0 });
  });

  it('a dropped write may have happened all the same', async () => {
    const { api, faults, model } = await start();
    faults.put([{ where: 'clb', kind: 'drop' }]);
    const outcomes = new Set<boolean>();
    for (let weight = 1; weight <= 12; weight += 1) {
      const servers = JSON.stringify([{ ServerId: 'eni-a', ServerIp: 'a', Port: 8080, Type: 'eni', Weight: weight }]);
      const write = rpc(api.endpoint, keys, 'SetVServerGroupAttribute', {
        VServerGroupId: 'rsp-pub-80',
        BackendServers: servers,
      });
      await expect(write).rejects.toThrow();
      outcomes.add(model.loadBalancers(0)[0]?.groups[0]?.backends[0]?.weight === weight);
    }
    expect(outcomes).toEqual(new Set([true, false]));
  });

  it('a delayed request is answered, a stalled one never, and stopping waits for neither', async () => {
    const { api, faults } = await start();
    faults.put([{ where: 'clb', kind: 'delay', forMs: 50 }]);
    expect(await codeOf(read(api.endpoint))).toEqual([200, 'none']);
    faults.put([{ where: 'clb', kind: 'stall', forMs: 600_000 }]);
    const stalled = codeOf(read(api.endpoint));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await api.stop();
    opened.splice(0);
    expect((await stalled)[1]).toBe('ECONNRESET');
  });

  it('the in-process client answers bodies, and errors as the OpenAPI words them', async () => {
    const { faults, model, clock } = await start();
    const call = clbClient({ model, clock, faults });
    expect(await call('DescribeLoadBalancers', {})).toMatchObject({ TotalCount: 1 });
    await expect(call('DeleteVServerGroup', { VServerGroupId: 'rsp-pub-80' })).rejects.toMatchObject({
      code: 'RspoolVipExist',
      status: 400,
    });
  });
});
