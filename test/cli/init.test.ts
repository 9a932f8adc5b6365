import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseMigration } from '../../src/api/migration-file.ts';
import { initCommand } from '../../src/cli/init.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { ackResources, asmResources } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { readManifest } from '../../src/sandbox/manifests.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { sluice } from './terminal.ts';

const clock = sandboxClock(1);
const faults = new Faults(seededRandom(1), () => clock.now());
let ack: ApiServer;
let asm: ApiServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-init-'));
  ack = await startApiServer({ name: 'ack', place: 'ack', serves: ackResources, clock, faults });
  asm = await startApiServer({ name: 'asm', place: 'asm', serves: asmResources, clock, faults });
  for (const [name, server] of Object.entries({ ack, asm })) {
    writeFileSync(join(folder, `${name}.yaml`), server.kubeconfig);
    for (const namespace of ['default', 'istio-system']) put(server, 'namespaces', { metadata: { name: namespace } });
  }
  put(ack, 'services', await readManifest('source-services.yaml'));
  put(ack, 'services', await readManifest('source-service-internal.yaml'));
  put(ack, 'services', await readManifest('target-service-internal.yaml'));
  put(ack, 'gateways', await readManifest('gateway.yaml'));
  put(ack, 'virtualservices', await readManifest('virtual-service.yaml'));
  const gateway = await readManifest('target-gateway.yaml');
  put(asm, 'istiogateways', gateway);
  put(ack, 'services', serviceOf(gateway));
});

afterAll(async () => {
  await Promise.all([ack.stop(), asm.stop()]);
  rmSync(folder, { recursive: true });
});

beforeEach(() => faults.clear());

function put(server: ApiServer, plural: Parameters<ApiServer['model']['put']>[0], object: object): void {
  server.model.put(plural, object as Parameters<ApiServer['model']['put']>[1], clock.now());
}

/** What the ASM controller makes of the gateway. */
function serviceOf(gateway: { readonly spec?: Readonly<Record<string, unknown>> }): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'istio-ingressgateway-asm',
      namespace: 'istio-system',
      annotations: gateway.spec?.['serviceAnnotations'],
    },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'istio-ingressgateway-asm', 'asm-system': 'true', istio: 'ingressgateway-asm', provider: 'asm' },
      ports: [{ name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
  };
}

const init = (...more: readonly string[]) =>
  sluice(
    initCommand,
    'init',
    '--ack-kubeconfig',
    join(folder, 'ack.yaml'),
    '--asm-kubeconfig',
    join(folder, 'asm.yaml'),
    ...more,
  );

describe('sluice init', () => {
  test('finds the one pair and prints the short form, which is valid', async () => {
    const { code, out } = await init();
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      '# lb-public: rsp-pub-80:80, rsp-pub-443:443. Further load balancers of the same gateways are found when it starts.',
      'apiVersion: sluice/v1',
      'kind: Migration',
      'metadata: { name: shop-ingress }',
      'spec:',
      '  source: istio-system/istio-ingressgateway   # a Service',
      '  target: istio-system/ingressgateway-asm   # an IstioGateway',
      '  probe: { host: "shop.example.com", path: "/productpage" }',
      '  steps: [10%, 50%, 90%, 100%]',
    ]);
    expect(parseMigration(out)).toMatchObject({ name: 'shop-ingress', probes: [{ path: '/productpage' }] });
  });

  test('reads what the sandbox printed', async () => {
    const file = join(folder, 'sandbox.json');
    const description = {
      ack: { kubeconfig: join(folder, 'ack.yaml') },
      asm: { kubeconfig: join(folder, 'asm.yaml') },
      clusters: { ack: { kubeconfig: join(folder, 'ack.yaml') } },
      clb: { endpoint: '127.0.0.1:1', accessKeyId: 'a', accessKeySecret: 'b', regionId: 'cn-hangzhou' },
    };
    writeFileSync(file, JSON.stringify(description));
    expect(await sluice(initCommand, 'init', '--sandbox', file)).toMatchObject({ code: 0 });
    writeFileSync(file, '{"asm":{}}');
    expect(await sluice(initCommand, 'init', '--sandbox', file)).toMatchObject({ code: 2 });
  });

  test('writes a file, and never over another', async () => {
    const file = join(folder, 'shop.yaml');
    const first = await init('--write', file, '--host', 'other.example.com', '--path', '/health', '--name', 'mine');
    expect(first).toMatchObject({ code: 0, out: '', err: expect.stringContaining(`sluice start -f ${file}`) });
    const text = readFileSync(file, 'utf8');
    expect(parseMigration(text)).toMatchObject({
      name: 'mine',
      probes: [{ host: 'other.example.com', path: '/health' }],
    });
    expect(await init('--write', file)).toMatchObject({ code: 2, err: expect.stringContaining('not overwritten') });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('--output json says what was found', async () => {
    expect(JSON.parse((await init('--output', 'json')).out)).toMatchObject({
      source: 'istio-system/istio-ingressgateway',
      target: 'istio-system/ingressgateway-asm',
      loadBalancer: 'lb-public',
      groups: ['rsp-pub-80:80', 'rsp-pub-443:443'],
    });
  });

  test('names a cluster where there are several', async () => {
    const file = join(folder, 'ack.yaml');
    const clusters = ['--ack-kubeconfig', `main=${file}`, '--ack-kubeconfig', `other=${file}`];
    const line = ['init', ...clusters, '--asm-kubeconfig', join(folder, 'asm.yaml')];
    expect(await sluice(initCommand, ...line)).toMatchObject({ code: 1 });
    const { out } = await sluice(initCommand, ...line, '--source', 'other/istio-system/istio-ingressgateway');
    expect(out).toContain('source: { cluster: other, service: istio-system/istio-ingressgateway }');
  });

  test('lists the choice where there are several pairs, and takes one', async () => {
    const second = await readManifest('target-gateway.yaml');
    put(asm, 'istiogateways', { ...second, metadata: { ...second.metadata, name: 'second-asm' } });
    try {
      const many = await init();
      expect(many).toMatchObject({ code: 1, out: '' });
      expect(many.err).toMatch(
        /--source ack\/istio-system\/istio-ingressgateway +--target istio-system\/second-asm +lb-public/,
      );
      expect(await init('--target', 'istio-system/second-asm')).toMatchObject({ code: 0 });
      expect(await init('--target', 'istio-system/third')).toMatchObject({ code: 1 });
    } finally {
      asm.model.remove('istiogateways', { namespace: 'istio-system', name: 'second-asm' }, { now: clock.now() });
    }
  });

  test('without kubeconfigs is wrong use, and an API server that is away is exit code 3', async () => {
    expect(await sluice(initCommand, 'init')).toMatchObject({ code: 2 });
    expect(await sluice(initCommand, 'init', '--ack-kubeconfig', join(folder, 'ack.yaml'))).toMatchObject({ code: 2 });
    faults.put([{ where: 'ack', kind: 'drop' }]);
    expect(await init()).toMatchObject({ code: 3 });
  });
});
