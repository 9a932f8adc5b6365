import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CoreV1Api, DiscoveryV1Api, KubeConfig, type V1Service } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, type RunningSandbox, runCli, startSandbox, until } from '../fixtures/running-sandbox.ts';

const namespace = 'istio-system';
const name = 'old-ingressgateway';
const clb = (suffix: string) => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
let home: string;
let description: string;
let sandbox: RunningSandbox;
let core: CoreV1Api;
let discovery: DiscoveryV1Api;

interface Balancer {
  readonly tags: Readonly<Record<string, string>>;
  readonly listeners: Readonly<Record<string, { readonly entry: string | null; readonly group: string }>>;
  readonly groups: Readonly<
    Record<string, { readonly name: string; readonly backends: readonly { readonly weight: number }[] }>
  >;
}

/** A gateway as many clusters have it: its CLB was made with its Service, and it has annotations of nothing. */
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-release-'));
  sandbox = await startSandbox('--speed', '10', '--rate', '0');
  description = join(home, 'sandbox.json');
  await writeFile(description, JSON.stringify(sandbox.description));
  const config = new KubeConfig();
  config.loadFromFile(sandbox.description.ack.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
  discovery = config.makeApiClient(DiscoveryV1Api);
  const [pods] = (await discovery.listNamespacedEndpointSlice({ namespace })).items.filter(
    ({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === 'istio-ingressgateway',
  );
  await discovery.createNamespacedEndpointSlice({
    namespace,
    body: {
      addressType: 'IPv4',
      metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
      ports: pods?.ports ?? [],
      endpoints: pods?.endpoints ?? [],
    },
  });
  await core.createNamespacedService({ namespace, body: oldService });
  await until(async () => {
    const { listeners, groups } = await balancer().catch(() => ({ listeners: {}, groups: {} }));
    const backends = Object.values(groups).map((group) => group.backends.length);
    return Object.keys(listeners).length === 2 && backends.join() === '3,3';
  }, 40_000);
}, 120_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const oldService: V1Service = {
  metadata: { name, namespace, annotations: { 'service.beta.kubernetes.io/backend-type': 'eni' } },
  spec: {
    type: 'LoadBalancer',
    selector: { app: 'old' },
    ports: [
      { name: 'http2', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 8443 },
    ],
  },
};

async function loadBalancer(): Promise<string> {
  const { metadata } = await core.readNamespacedService({ namespace, name });
  return metadata?.labels?.['service.k8s.alibaba/loadbalancer-id'] ?? '';
}

async function balancer(): Promise<Balancer> {
  const state = await sandbox.control<{ readonly loadBalancers: Readonly<Record<string, Balancer>> }>('GET', '/state');
  const found = state.loadBalancers[await loadBalancer()];
  if (found === undefined) throw new Error('there is no load balancer yet');
  return found;
}

const annotations = async () => (await core.readNamespacedService({ namespace, name })).metadata?.annotations ?? {};

/** All that a release may change, and nothing that others change. */
async function standing() {
  const { tags, groups } = await balancer();
  const weights = Object.entries(groups).map(([id, group]) => [
    id,
    group.name,
    group.backends.map((one) => one.weight),
  ]);
  return { tags, weights, annotations: await annotations() };
}

async function release(...more: readonly string[]): Promise<Ended> {
  const file = join(home, 'shop.yaml');
  const text = `apiVersion: sluice/v1\nkind: Migration\nmetadata: { name: shop }\nspec: { source: ${namespace}/${name}, target: ${namespace}/ingressgateway-asm, steps: [100%] }\n`;
  await writeFile(file, text);
  return runCli(['release-clb', '-f', file, '--sandbox', description, ...more]);
}

/** Requests through the CLB, one after the other, until it is told to stop. */
function callers(url: string) {
  const ending = new AbortController();
  const failures: string[] = [];
  let answered = 0;
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      const failed = (why: string) => {
        failures.push(why);
        resolve();
      };
      const headers = { host: 'shop.example.com', connection: 'close' };
      get(`${url}/productpage`, { headers, timeout: 20_000 }, (answer) => {
        answer.resume().once('end', () => {
          if (answer.statusCode === 200) answered += 1;
          else failures.push(`status ${answer.statusCode}`);
          resolve();
        });
      }).once('error', (error) => failed(error.message));
    });
  const calling = (async () => {
    while (!ending.signal.aborted) {
      await call();
      await wait(20);
    }
  })();
  return {
    stop: async () => {
      ending.abort();
      await calling;
      return { answered, failures };
    },
  };
}

describe('the CLB that the controller made for a gateway', () => {
  it('is told how it would be released, and stays as it is', async () => {
    const before = await standing();
    const { code, stdout, stderr } = await release();
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.replace(/(rsp|lb)-[0-9a-f]{17}/g, '$1'))).toEqual([
      `lb of Service ack/${namespace}/${name}:`,
      `  1. rename group rsp from k8s/8080/${name}/${namespace}/c7a1f0b2d9e34c58 to ${namespace}.${name}.80`,
      `  2. rename group rsp from k8s/8443/${name}/${namespace}/c7a1f0b2d9e34c58 to ${namespace}.${name}.443`,
      '  3. take the tags kubernetes.do.not.delete and ack.aliyun.com from lb, and no other',
      `  4. annotate ${namespace}/${name}, in one patch: loadbalancer-id=lb, loadbalancer-vgroup-port=rsp:80,rsp:443, loadbalancer-force-override-listeners=false, loadbalancer-weight=100`,
      '  5. verify at the CLB that every backend keeps its share of rsp and rsp',
      '',
    ]);
    expect(stderr).toContain('schedules by rr, which does not go by weights');
    expect(stderr).toContain('Nothing was changed');
    expect(await standing()).toEqual(before);
  });

  it('is not released without its id, typed or answered for', async () => {
    const before = await standing();
    expect(await release('--apply')).toMatchObject({ code: 2, stderr: expect.stringContaining('give --yes') });
    expect(await standing()).toEqual(before);
  });

  it('is as it was when the controller does not take the annotations in time', async () => {
    const before = await standing();
    await sandbox.control('PUT', '/faults', [{ where: 'controller', kind: 'stall' }]);
    const { code, stdout, stderr } = await release('--apply', '--yes', '--for', '3s');
    expect(code).toBe(1);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      ...['done', 'done', 'done', 'done', 'not done', 'undone', 'undone', 'undone', 'undone', ''],
    ]);
    expect(stdout).toContain('the cloud controller has not processed the annotations');
    expect(stderr).toContain('everything was put back');
    expect(await standing()).toEqual(before);
    await sandbox.control('DELETE', '/faults');
  }, 90_000);

  it('is released while requests flow, with no request lost and every share kept', async () => {
    const { listeners } = await balancer();
    const calling = callers((listeners['80']?.entry ?? '').replace('tcp:', 'http:'));
    const { code, stdout, stderr } = await release('--apply', '--yes', '--output', 'json');
    const { answered, failures } = await calling.stop();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(5);
    const { isDone, releases } = JSON.parse(stdout);
    expect(isDone).toBe(true);
    expect(releases[0].steps.at(-1)).toMatchObject({
      outcome: 'done',
      detail: 'port 80: 3 x 100 -> 3 x 33, the same shares; port 443: 3 x 100 -> 3 x 33, the same shares',
    });
    const { tags, weights } = await standing();
    expect(tags).toEqual({ 'kubernetes.reused.by.user': 'true' });
    expect(weights.map(([, called]) => called)).toEqual([`${namespace}.${name}.80`, `${namespace}.${name}.443`]);
    expect(await annotations()).toMatchObject({
      [clb('id')]: await loadBalancer(),
      [clb('force-override-listeners')]: 'false',
      [clb('weight')]: '100',
      [clb('vgroup-port')]: weights.map(([id], index) => `${id}:${[80, 443][index]}`).join(),
    });
  }, 90_000);

  it('is left alone when it is released again', async () => {
    const before = await standing();
    const { code, stdout } = await release('--apply', '--yes');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${await loadBalancer()} is released already.\n` });
    expect(await standing()).toEqual(before);
  });

  it('takes a weight from then on', async () => {
    const body = { metadata: { annotations: { ...(await annotations()), [clb('weight')]: '60' } } };
    const service = await core.readNamespacedService({ namespace, name });
    await core.replaceNamespacedService({
      ...{ namespace, name },
      body: { ...service, metadata: { ...service.metadata, ...body.metadata } },
    });
    await until(async () => (await standing()).weights.every(([, , weights]) => String(weights) === '20,20,20'));
  });
});
