import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiException, CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { hashLabel } from '../../src/sandbox/controllers/cloud-annotations.ts';
import { type Ended, type RunningSandbox, runCli, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { writeMigration } from '../fixtures/running-serve.ts';

const namespace = 'istio-system';
const gateways = { group: 'istio.alibabacloud.com', version: 'v1beta1', plural: 'istiogateways', namespace };
const clusterId = 'c7a1f0b2d9e34c58';
let home: string;
let file: string;
let description: string;
let sandbox: RunningSandbox;
let core: CoreV1Api;
let custom: CustomObjectsApi;

interface Gateway {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-gateway-'));
  file = await writeMigration(home, 'shop-ingress', 'steps: [10%, 50%, 100%]');
  sandbox = await startSandbox('--speed', '10', '--rate', '50', '--internal');
  description = join(home, 'sandbox.json');
  await writeFile(description, JSON.stringify(sandbox.description));
  core = clientOf(sandbox.description.ack.kubeconfig).makeApiClient(CoreV1Api);
  custom = clientOf(sandbox.description.asm.kubeconfig).makeApiClient(CustomObjectsApi);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

function clientOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

const gateway = (...more: readonly string[]): Promise<Ended> =>
  runCli(['gateway', '-f', file, '--sandbox', description, ...more]);
const target = async () =>
  (await custom.getNamespacedCustomObject({ ...gateways, name: 'ingressgateway-asm' })) as Gateway;
const service = (name: string) => core.readNamespacedService({ namespace, name });

async function isGone(name: string): Promise<boolean> {
  try {
    await service(name);
    return false;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return true;
    throw error;
  }
}

describe('the gateway of a migration, against a running sandbox', () => {
  it('is printed as the sandbox has it: nothing of what is printed differs', async () => {
    const { code, stdout, stderr } = await gateway();
    expect(code).toBe(0);
    const [printed, further] = parseAllDocuments(stdout).map((document) => document.toJS());
    const { spec } = await target();
    expect(spec['serviceAnnotations']).toEqual(printed.spec.serviceAnnotations);
    expect(spec).toMatchObject({
      ...{ clusterIds: printed.spec.clusterIds, serviceType: 'LoadBalancer', replicaCount: printed.spec.replicaCount },
      ports: printed.spec.ports,
    });
    const { metadata, spec: found } = await service(further.metadata.name);
    expect(metadata?.annotations).toMatchObject(further.metadata.annotations);
    expect(found).toMatchObject(further.spec);
    expect(stderr).toMatch(/^IstioGateway istio-system\/ingressgateway-asm is there already$/m);
    // The listeners were read at the CLB, and they go together with what is mapped.
    expect(stderr).not.toContain('note:');
  });

  it('is a manifest that its own check passes', async () => {
    const printed = join(home, 'printed.yaml');
    await writeFile(printed, (await gateway()).stdout);
    const { code, stdout } = await runCli(['gateway', '--check', printed]);
    expect(code).toBe(0);
    expect(stdout).toContain('1 IstioGateway, valid');
  });

  it('is created where it is not there, the mesh makes its Service, and no request is lost', async () => {
    await custom.deleteNamespacedCustomObject({ ...gateways, name: 'ingressgateway-asm' });
    await core.deleteNamespacedService({ namespace, name: 'istio-ingressgateway-asm-2' });
    await until(() => isGone('istio-ingressgateway-asm'));
    await until(async () => (await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).length === 0);
    const { code, stdout } = await gateway('--ack-id', clusterId, '--apply', '--for', '60s');
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'created',
      'ready',
      'created',
      'ready',
      '',
    ]);
    expect(code).toBe(0);
    const made = await service('istio-ingressgateway-asm');
    expect(made.metadata?.annotations).toMatchObject((await target()).spec['serviceAnnotations'] as object);
    await until(async () => (await sandbox.weights('rsp-pub-443', 'istio-ingressgateway-asm')).length === 3);
    expect(await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([0, 0, 0]);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  });

  it('changes nothing when it is applied again', async () => {
    const versions = async () => [
      (await target()).metadata.resourceVersion,
      (await service('istio-ingressgateway-asm')).metadata?.resourceVersion,
      (await service('istio-ingressgateway-asm-2')).metadata?.resourceVersion,
    ];
    // Until the cloud controller has written what it has to say about the new Service: its address, and the hash of what it did.
    await until(async () => {
      const { metadata, status } = await service('istio-ingressgateway-asm-2');
      return hashLabel in (metadata?.labels ?? {}) && (status?.loadBalancer?.ingress ?? []).length > 0;
    });
    const before = await versions();
    const { code, stdout } = await gateway('--apply');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'was there',
      'ready',
      'was there',
      'ready',
      '',
    ]);
    expect(await versions()).toEqual(before);
  });

  it('is what a migration can be planned with', async () => {
    // A function that begins cold on a busy machine may run out of its time, which is short in a fast sandbox.
    const { code, stdout, stderr } = await until(async () => {
      const ended = await sandbox.sluice('plan', '-f', file);
      return ended.code === 3 ? null : ended;
    });
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining('lb-internal') });
  });
});
