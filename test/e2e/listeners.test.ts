import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

// The native import of this CommonJS package gives a namespace in a namespace; its own require does not.
const require = createRequire(import.meta.url);
const { default: Client, $OpenApiUtil, OpenApiUtil } = require('@alicloud/openapi-core');

let sandbox: RunningSandbox | null = null;

afterEach(async () => {
  await sandbox?.stop();
  sandbox = null;
});

/** One signed call of the load balancer's API about port 80, as a person makes it; again while the instance is busy. */
async function call(here: RunningSandbox, action: string, query: object = {}): Promise<void> {
  const { endpoint, accessKeyId, accessKeySecret, regionId } = here.description.clb;
  const config = { accessKeyId, accessKeySecret, regionId, endpoint, protocol: 'http' };
  const rpc = { version: '2014-05-15', protocol: 'HTTP', pathname: '/', method: 'POST', authType: 'AK', style: 'RPC' };
  const params = new $OpenApiUtil.Params({ ...rpc, action, reqBodyType: 'formData', bodyType: 'json' });
  const all = OpenApiUtil.query({ RegionId: regionId, LoadBalancerId: 'lb-public', ListenerPort: 80, ...query });
  const client = new Client(new $OpenApiUtil.Config(config));
  await until(async () => {
    try {
      return await client.callApi(params, new $OpenApiUtil.OpenApiRequest({ query: all }), {});
    } catch (cause) {
      if ((cause as { code?: string }).code !== 'BackendServer.configuring') throw cause;
      return null;
    }
  });
}

interface Counters {
  readonly source: { readonly sinceStart: { readonly requests: number } };
  readonly target: { readonly sinceStart: { readonly requests: number } };
  readonly connections: Readonly<Record<string, { readonly source: number; readonly target: number }>>;
}

const connections = async (here: RunningSandbox) =>
  (await here.control<Counters>('GET', '/counters')).connections['lb-public'];

async function listener(here: RunningSandbox): Promise<Record<string, unknown>> {
  interface State {
    readonly loadBalancers: Record<string, { readonly listeners: Record<string, Record<string, unknown>> }>;
  }
  return (await here.control<State>('GET', '/state')).loadBalancers['lb-public']?.listeners['80'] ?? {};
}

describe('a sandbox whose listener a person changes at the API', () => {
  it('tells how the listener spreads its requests, and where it is', async () => {
    sandbox = await startSandbox('--speed', '20');
    const entry = sandbox.description.entries['lb-public']?.['80'];
    const before = { protocol: 'http', status: 'running', scheduler: 'wrr', stickiness: null, entry };
    expect(await listener(sandbox)).toMatchObject(before);
    const sticky = { StickySession: 'on', StickySessionType: 'insert', CookieTimeout: 600 };
    await call(sandbox, 'SetLoadBalancerHTTPListenerAttribute', { ...sticky, Scheduler: 'rr' });
    const now = { scheduler: 'rr', stickiness: { by: 'cookie', timeoutS: 600 } };
    expect(await listener(sandbox)).toMatchObject(now);
  });

  it('keeps its clients over TCP at a source of weight 0, and says how many are open there', async () => {
    sandbox = await startSandbox('--speed', '20');
    const here = sandbox;
    await call(here, 'DeleteLoadBalancerListener');
    await call(here, 'CreateLoadBalancerTCPListener', { VServerGroupId: 'rsp-pub-80', PersistenceTimeout: 0 });
    await call(here, 'StartLoadBalancerListener');
    const { entry } = await listener(here);
    expect(entry).toBe(here.description.entries['lb-public']?.['80']?.replace('http:', 'tcp:'));
    await until(async () => (await connections(here))?.source === 8);
    const group = here.control<{ loadBalancers: Record<string, { groups: Record<string, { backends: Backend[] }> }> }>;
    const { loadBalancers } = await group('GET', '/state');
    const backends = loadBalancers['lb-public']?.groups['rsp-pub-80']?.backends ?? [];
    const servers = backends.map(({ serverId, serverIp, port, owner }) => ({
      ServerId: serverId,
      ServerIp: serverIp,
      Port: port,
      Type: 'eni',
      Weight: owner.endsWith('-asm') ? 100 : 0,
    }));
    await call(here, 'SetVServerGroupAttribute', {
      VServerGroupId: 'rsp-pub-80',
      BackendServers: JSON.stringify(servers),
    });
    const { source, target } = await here.control<Counters>('GET', '/counters');
    await until(async () => {
      const later = await here.control<Counters>('GET', '/counters');
      return later.source.sinceStart.requests > source.sinceStart.requests + 100;
    });
    const later = await here.control<Counters>('GET', '/counters');
    expect(later.target.sinceStart.requests).toBe(target.sinceStart.requests);
    expect(await listener(here)).toMatchObject({ protocol: 'tcp', connections: 8 });
    await here.control('PUT', '/clients', { connections: 12 });
    await until(async () => (await connections(here))?.target === 4);
    expect(await connections(here)).toEqual({ source: 8, target: 4 });
  });
});

interface Backend {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly owner: string;
}
