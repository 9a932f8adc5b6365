import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { kubernetesRouter } from '../../src/adapters/kubernetes/router.ts';
import { clientsFor } from '../../src/cli/kubeconfigs.ts';
import { rescueCommand } from '../../src/cli/rescue.ts';
import type { Route } from '../../src/domain/spec.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { ackResources, asmResources } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { type Manifest, readManifest } from '../../src/sandbox/manifests.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { aPatience, weights } from '../fixtures/builders.ts';
import { sluice } from './terminal.ts';

const weightKey = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight';
const clock = sandboxClock(1);
const faults = new Faults(seededRandom(1), () => clock.now());
let ack: ApiServer;
let asm: ApiServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-rescue-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  ack = await startApiServer({ name: 'ack', place: 'ack', serves: ackResources, clock, faults });
  asm = await startApiServer({ name: 'asm', place: 'asm', serves: asmResources, clock, faults });
  for (const [name, server] of Object.entries({ ack, asm })) {
    writeFileSync(join(folder, `${name}.yaml`), server.kubeconfig);
    for (const namespace of ['default', 'istio-system']) put(server, 'namespaces', { metadata: { name: namespace } });
  }
  // Half way: what was 100 and 0 is now 50 and 50.
  const gateway = await readManifest('target-gateway.yaml');
  put(asm, 'istiogateways', gateway);
  for (const [index, manifest] of [
    await readManifest('source-services.yaml'),
    await readManifest('source-service-internal.yaml'),
    await readManifest('target-service-internal.yaml'),
    followerOf(gateway),
  ].entries()) {
    put(ack, 'services', atHalf(manifest));
    put(ack, 'endpointslices', sliceOf(manifest.metadata.name, `10.0.${index}.1`));
  }
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all([ack.stop(), asm.stop()]);
});

function put(server: ApiServer, plural: Parameters<ApiServer['model']['put']>[0], object: object): void {
  server.model.put(plural, object as Parameters<ApiServer['model']['put']>[1], clock.now());
}

function atHalf(manifest: Manifest): Manifest {
  const annotations = {
    ...manifest.metadata.annotations,
    [weightKey]: '50',
    'service.beta.kubernetes.io/backend-type': 'eni',
  };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

/** The Service that the ASM controller makes of the gateway. */
function followerOf({ spec }: Manifest): Manifest {
  const annotations = spec?.['serviceAnnotations'] as Readonly<Record<string, string>>;
  const metadata = { name: 'istio-ingressgateway-asm', namespace: 'istio-system', annotations };
  const ports = [{ name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' }];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { type: 'LoadBalancer', selector: { app: 'asm' }, ports },
  };
}

function sliceOf(service: string, address: string): object {
  return {
    metadata: {
      name: `${service}-1`,
      namespace: 'istio-system',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true, serving: true, terminating: false } }],
    ports: [{ name: 'http2', port: 8080, protocol: 'TCP' }],
  };
}

const internal: Route = {
  loadBalancer: 'lb-internal',
  source: { kind: 'service', cluster: 'main', namespace: 'istio-system', name: 'istio-ingressgateway-internal' },
  target: { kind: 'service', cluster: 'main', namespace: 'istio-system', name: 'istio-ingressgateway-asm-2' },
  ports: [{ port: 80, group: 'rsp-int-80' }],
};
const open: Route = {
  loadBalancer: 'lb-public',
  source: { kind: 'service', cluster: 'main', namespace: 'istio-system', name: 'istio-ingressgateway' },
  target: { kind: 'gateway', mesh: 'asm', namespace: 'istio-system', name: 'ingressgateway-asm' },
  ports: [{ port: 80, group: 'rsp-pub-80' }],
};

/** As the engine does before its first write. */
async function keep(...routes: readonly Route[]): Promise<void> {
  const files = { clusters: { main: join(folder, 'ack.yaml') }, meshes: {}, clb: null, entries: {} };
  const clients = clientsFor(files);
  const kept = routes.map((route) => ({
    route,
    source: weights('100'),
    target: weights('0'),
    services: { source: [], target: [] },
    sourcePods: 1,
  }));
  const baseline = { name: 'shop', run: 'r1', takenAtMs: 0, patience: aPatience(), routes: kept, subsets: [] };
  await kubernetesRouter(clients, { namespaces: null }).keepBaseline('shop', baseline, 5);
  clients.close();
}

function weightOf(name: string): string | undefined {
  const service = ack.model.get('services', { namespace: 'istio-system', name });
  return (service.metadata.annotations as Readonly<Record<string, string>>)[weightKey];
}

const rescue = (...more: readonly string[]) =>
  sluice(rescueCommand, 'rescue', 'shop', '--ack-kubeconfig', join(folder, 'ack.yaml'), ...more);

describe('sluice rescue', () => {
  test('puts the baseline back with one kubeconfig, and says that the CLB was not asked', async () => {
    await keep(internal);
    const { code, out, err } = await rescue('--yes');
    expect({ code, out }).toEqual({
      code: 0,
      out: 'The baseline of shop is back in Kubernetes. The CLB was not asked: give --clb-region to verify.',
    });
    expect(err).toMatch(/lb-internal: main\/istio-system\/istio-ingressgateway-internal weight 100, .* weight 0/);
    expect(weightOf('istio-ingressgateway-internal')).toBe('100');
    expect(weightOf('istio-ingressgateway-asm-2')).toBe('0');
    expect(weightOf('istio-ingressgateway')).toBe('50');
  });

  test('--output json tells written and verified apart', async () => {
    await keep(internal);
    const { out } = await rescue('--yes', '--output', 'json');
    expect(JSON.parse(out)).toMatchObject({ name: 'shop', isWritten: true, isVerified: false, isClbAsked: false });
  });

  test('does not empty the target while no pod of the source is ready', async () => {
    await keep(internal);
    const slice = sliceOf('istio-ingressgateway-internal', '10.0.1.1');
    put(ack, 'endpointslices', { ...slice, endpoints: [] });
    const { code, out } = await rescue('--yes', '--for', '2s');
    expect(code).toBe(1);
    expect(out).toMatch(/^shop is not back after 2s: .*no backend of istio-ingressgateway-internal/);
    expect(weightOf('istio-ingressgateway-asm-2')).toBe('50');
  });

  test('without the mesh gives the source its weight back and leaves the target', async () => {
    await keep(open);
    const { code, out, err } = await rescue('--yes', '--for', '20s');
    expect(code).toBe(1);
    expect(err).toContain('Without --asm-kubeconfig the target keeps its weight');
    expect(out).toContain('is not back after 20s');
    expect(weightOf('istio-ingressgateway')).toBe('100');
  }, 40_000);

  test('asks first, and without anybody to ask does nothing', async () => {
    await keep(internal);
    expect(await rescue()).toMatchObject({ code: 2, err: expect.stringContaining('give --yes') });
    expect(weightOf('istio-ingressgateway-internal')).toBe('50');
  });

  test('of a name that has no baseline is exit code 1', async () => {
    expect(await rescue('--yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no baseline of shop is kept'),
    });
  });

  test('with a CLB but without keys is wrong use, and changes nothing', async () => {
    await keep(internal);
    vi.stubEnv('ALIBABA_CLOUD_ACCESS_KEY_ID', '');
    const { code, err } = await rescue('--yes', '--ack-id', 'c1', '--clb-region', 'cn-hangzhou');
    expect(code).toBe(2);
    expect(err).toContain('ALIBABA_CLOUD_ACCESS_KEY_ID');
    expect(weightOf('istio-ingressgateway-internal')).toBe('50');
  });

  test('of several clusters needs each by the name that the baseline has', async () => {
    await keep(internal);
    const other = ['--ack-kubeconfig', `other=${join(folder, 'ack.yaml')}`];
    expect(await rescue('--yes', ...other)).toMatchObject({
      code: 2,
      err: expect.stringContaining('the baseline names main'),
    });
  });
});
