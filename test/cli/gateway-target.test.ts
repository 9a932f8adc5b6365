import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { gatewayCommand } from '../../src/cli/gateway.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { startAsmController } from '../../src/sandbox/controllers/asm-controller.ts';
import type { Controller } from '../../src/sandbox/controllers/idle.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { ackResources, asmResources } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { readManifest } from '../../src/sandbox/manifests.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { sluice } from './terminal.ts';

const clb = (suffix: string) => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
const clusterId = 'c7a1f0b2d9e34c58';
const mayReadOnly = 'a-token-that-may-only-read';
const clock = sandboxClock(50);
const faults = new Faults(seededRandom(1), () => clock.now());
let ack: ApiServer;
let asm: ApiServer;
let mesh: Controller;
let folder: string;

/** The sandbox's own API servers and the controller of the mesh: a source with two CLBs, and no target yet. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-target-'));
  const tokens = { [mayReadOnly]: [{ verbs: ['get', 'list', 'watch'], apiGroups: ['*'], resources: ['*'] }] };
  ack = await startApiServer({ name: 'ack', place: 'ack', serves: ackResources, clock, faults, tokens });
  asm = await startApiServer({ name: 'asm', place: 'asm', serves: asmResources, clock, faults, tokens });
  for (const [name, server] of Object.entries({ ack, asm })) {
    writeFileSync(join(folder, `${name}.yaml`), server.kubeconfig);
    writeFileSync(join(folder, `${name}-reader.yaml`), server.kubeconfigFor(mayReadOnly));
    for (const namespace of ['default', 'istio-system']) put(server, 'namespaces', { metadata: { name: namespace } });
  }
  put(ack, 'services', await readManifest('source-services.yaml'));
  put(ack, 'services', await readManifest('source-service-internal.yaml'));
  mesh = await startAsmController({
    ...{ kubeconfig: asm.kubeconfig, clusters: { [clusterId]: ack.kubeconfig } },
    ...{ clock, faults, random: seededRandom(2), latencyMs: 100 },
  });
});

afterEach(async () => {
  faults.clear();
  await mesh.stop();
  await Promise.all([ack.stop(), asm.stop()]);
  rmSync(folder, { recursive: true });
});

function put(server: ApiServer, plural: Parameters<ApiServer['model']['put']>[0], object: object): void {
  server.model.put(plural, object as Parameters<ApiServer['model']['put']>[1], clock.now());
}

/** Ready pods behind a Service that is or will be there. */
function ready(service: string, pods: number): void {
  put(ack, 'endpointslices', {
    metadata: {
      name: `${service}-1`,
      namespace: 'istio-system',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http2', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: pods }, (_, index) => ({
      addresses: [`10.0.0.${index + 1}`],
      conditions: { ready: true },
    })),
  });
}

function file(spec = 'source: istio-system/istio-ingressgateway, target: istio-system/ingressgateway-asm'): string {
  const path = join(folder, 'shop.yaml');
  const text = `apiVersion: sluice/v1\nkind: Migration\nmetadata: { name: shop-ingress }\nspec: { ${spec}, steps: [100%] }\n`;
  writeFileSync(path, text);
  return path;
}

interface Who {
  readonly ackAs?: string;
  readonly asmAs?: string;
}

function gateway(more: readonly string[] = [], path = file(), { ackAs = 'ack', asmAs = 'asm' }: Who = {}) {
  const kubeconfigs = [
    '--ack-kubeconfig',
    join(folder, `${ackAs}.yaml`),
    '--asm-kubeconfig',
    join(folder, `${asmAs}.yaml`),
  ];
  return sluice(gatewayCommand, 'gateway', '-f', path, ...kubeconfigs, '--ack-id', clusterId, ...more);
}

const apply = (more: readonly string[] = [], path = file(), who: Who = {}) =>
  gateway(['--apply', '--for', '20s', ...more], path, who);
const objects = (text: string) => parseAllDocuments(text).map((document) => document.toJS());
const rows = (out: string) => out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3).join(' | '));
const versions = () =>
  [...asm.model.list('istiogateways').items, ...ack.model.list('services').items].map(({ metadata }) => [
    metadata?.name,
    metadata?.resourceVersion,
  ]);

describe('sluice gateway -f', () => {
  test('prints the gateway for the mesh and the further Service for the cluster', async () => {
    const { code, out, err } = await gateway();
    expect(code).toBe(0);
    const [first, second, ...more] = objects(out);
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      kind: 'IstioGateway',
      metadata: { name: 'ingressgateway-asm', namespace: 'istio-system' },
      spec: {
        clusterIds: [clusterId],
        serviceAnnotations: {
          [clb('id')]: 'lb-public',
          [clb('force-override-listeners')]: 'false',
          [clb('vgroup-port')]: 'rsp-pub-80:80,rsp-pub-443:443',
          [clb('weight')]: '0',
        },
      },
    });
    expect(second).toMatchObject({
      kind: 'Service',
      metadata: {
        name: 'istio-ingressgateway-asm-2',
        annotations: { [clb('id')]: 'lb-internal', [clb('weight')]: '0' },
      },
      spec: { selector: { istio: 'ingressgateway-asm', provider: 'asm' }, ports: [{ port: 80, nodePort: 30_844 }] },
    });
    expect(out).toMatch(/^# For the API server of the mesh \(asm\)\.$/m);
    expect(out).toMatch(/^# For the cluster ack\.$/m);
    expect(err).toContain('note: the listeners of the CLB were not read: give --clb-region');
    expect(err).toContain('how big the source in ack is cannot be told');
    expect(asm.model.list('istiogateways').items).toEqual([]);
  });

  test('gives the further Service node ports that nobody has', async () => {
    const spec = { type: 'NodePort', ports: [{ port: 1, nodePort: 30_844 }], selector: { a: 'b' } };
    put(ack, 'services', { metadata: { name: 'other', namespace: 'default' }, spec });
    expect(objects((await gateway()).out)[1].spec.ports).toMatchObject([{ nodePort: 30_845 }]);
  });

  test('makes the gateway as big as the source', async () => {
    const labels = { app: 'istio-ingressgateway', istio: 'ingressgateway' };
    const resources = { limits: { cpu: '4', memory: '4Gi' } };
    const containers = [{ name: 'sidecar' }, { name: 'istio-proxy', resources }];
    const named = { name: 'gw', namespace: 'istio-system' };
    put(ack, 'deployments', {
      metadata: named,
      spec: { replicas: 7, template: { metadata: { labels }, spec: { containers } } },
    });
    const cpu = {
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
    };
    put(ack, 'horizontalpodautoscalers', {
      metadata: named,
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'gw' }, minReplicas: 5, maxReplicas: 20, metrics: [cpu] },
    });
    expect(objects((await gateway()).out)[0].spec).toMatchObject({
      ...{ replicaCount: 7, minReplicas: 5, maxReplicas: 20, cpu: { targetAverageUtilization: 60 }, resources },
    });
  });

  test('prints JSON with where each object belongs', async () => {
    const { out } = await gateway(['--output', 'json']);
    const printed = JSON.parse(out);
    expect(printed.objects).toMatchObject([
      { mesh: 'asm', isThere: false, differences: [], object: { kind: 'IstioGateway' } },
      { cluster: 'ack', isThere: false, object: { kind: 'Service' } },
    ]);
    expect(printed.notes.length).toBeGreaterThan(0);
  });

  test('reads the long form, where the file names the further Service', async () => {
    const routes = [
      '{ loadBalancer: lb-public, source: { cluster: ack, service: istio-system/istio-ingressgateway }, target: { mesh: asm, gateway: istio-system/edge-asm }, ports: { 80: rsp-pub-80, 443: rsp-pub-443 } }',
      '{ loadBalancer: lb-internal, source: { cluster: ack, service: istio-system/istio-ingressgateway-internal }, target: { cluster: ack, service: istio-system/edge-internal }, ports: { 80: rsp-int-80 } }',
    ];
    const { code, out } = await gateway([], file(`routes: [${routes.join(', ')}]`));
    expect(code).toBe(0);
    expect(objects(out).map(({ metadata }) => metadata.name)).toEqual(['edge-asm', 'edge-internal']);
    expect(objects(out)[1].spec.selector).toMatchObject({ istio: 'edge-asm' });
  });

  test('gives a cluster whose source is on another CLB annotations of its own', async () => {
    const other = await startApiServer({ name: 'ack-2', place: 'ack', serves: ackResources, clock, faults });
    try {
      put(other, 'namespaces', { metadata: { name: 'istio-system' } });
      const source = await readManifest('source-services.yaml');
      const annotations = { ...source.metadata.annotations, [clb('id')]: 'lb-2', [clb('vgroup-port')]: 'a:80,b:443' };
      put(other, 'services', { ...source, metadata: { ...source.metadata, annotations } });
      const kubeconfig = join(folder, 'ack-2.yaml');
      writeFileSync(kubeconfig, other.kubeconfig);
      const named = ['--ack-kubeconfig', `ack-2=${kubeconfig}`, '--ack-id', `ack=${clusterId}`, '--ack-id', 'ack-2=c2'];
      const { out } = await gateway(named);
      expect(objects(out)[0].spec).toMatchObject({
        clusterIds: [clusterId, 'c2'],
        serviceAnnotations: { [clb('id')]: 'lb-public' },
        overrides: {
          c2: { serviceAnnotations: { [clb('id')]: 'lb-2', [clb('vgroup-port')]: 'a:80,b:443', [clb('weight')]: '0' } },
        },
      });
      expect(Object.keys(objects(out)[0].spec.overrides)).toEqual(['c2']);
      expect(await gateway(named.slice(0, 4))).toMatchObject({
        code: 2,
        err: expect.stringMatching(/ID for ack-2 as well/),
      });
    } finally {
      await other.stop();
    }
  });

  test('refuses all that cannot be, with nothing on stdout', async () => {
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: 'plain' } };
    put(ack, 'services', { metadata: { name: 'plain', namespace: 'istio-system' }, spec });
    const { code, out, err } = await apply(
      [],
      file('source: istio-system/plain, target: istio-system/ingressgateway-asm'),
    );
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /shop\.yaml: spec\.source: Service ack\/istio-system\/plain names no CLB: give it loadbalancer-id/,
    );
    expect(err).toContain('Nothing was created.');
    expect(asm.model.list('istiogateways').items).toEqual([]);
  });

  test('refuses a name whose Service is somebody else’s', async () => {
    const spec = { ports: [{ port: 80 }], selector: { a: 'b' } };
    put(ack, 'services', { metadata: { name: 'istio-edge', namespace: 'istio-system' }, spec });
    const { code, err } = await gateway(
      [],
      file('source: istio-system/istio-ingressgateway, target: istio-system/edge'),
    );
    expect(code).toBe(1);
    expect(err).toContain('there is a Service istio-edge in ack already, which the mesh would take over');
  });

  test('refuses a serverless gateway for a load balancer, asked for or there already', async () => {
    expect(await gateway(['--serverless'])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/not documented/),
    });
    const target = await readManifest('target-gateway.yaml');
    const annotations = { 'asm.alibabacloud.com/managed-by-asm': 'true' };
    put(asm, 'istiogateways', { ...target, metadata: { ...target.metadata, annotations } });
    expect(await apply()).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/is a serverless gateway/) });
  });

  test('prints and creates the serverless form for subsets of a host', async () => {
    const route = '{ mesh: asm, virtualService: default/reviews, host: reviews, from: [v1], to: v3 }';
    const path = file(`routes: [${route}]`);
    expect(await gateway([], path)).toMatchObject({ code: 1, err: expect.stringMatching(/which needs no gateway/) });
    const printed = await gateway(['--serverless'], path);
    expect(printed.code).toBe(0);
    expect(objects(printed.out)).toMatchObject([
      {
        metadata: { name: 'shop-ingress-asm', annotations: { 'asm.alibabacloud.com/managed-by-asm': 'true' } },
        spec: { serviceType: 'LoadBalancer', ports: [{ port: 80 }, { port: 443 }] },
      },
    ]);
    const { code, out } = await apply(['--serverless'], path);
    expect(code).toBe(0);
    expect(rows(out)).toEqual([
      'created | mesh asm | IstioGateway istio-system/shop-ingress-asm',
      'ready | mesh asm | IstioGateway istio-system/shop-ingress-asm (pods of the mesh)',
    ]);
  });
});

describe('sluice gateway -f --apply', () => {
  const all = [
    'mesh asm | IstioGateway istio-system/ingressgateway-asm',
    'cluster ack | Service istio-system/istio-ingressgateway-asm',
    'cluster ack | Service istio-system/istio-ingressgateway-asm-2',
    'cluster ack | Service istio-system/istio-ingressgateway-asm-2 (pods)',
  ];
  const told = (...outcomes: readonly string[]) => outcomes.map((outcome, index) => `${outcome} | ${all[index]}`);

  test('creates what is not there, waits for it, and a second time changes nothing', async () => {
    ready('istio-ingressgateway-asm', 2);
    ready('istio-ingressgateway-asm-2', 2);
    const first = await apply();
    expect(rows(first.out)).toEqual(told('created', 'ready', 'created', 'ready'));
    expect(first.code).toBe(0);
    expect(first.out).toContain('weight 0, 2 of at least 1 pods ready');
    const before = versions();
    const second = await apply();
    expect(second.code).toBe(0);
    expect(rows(second.out)).toEqual(told('was there', 'ready', 'was there', 'ready'));
    expect(versions()).toEqual(before);
  });

  test('what may not be created is said, what was created stays, and the same command goes on', async () => {
    ready('istio-ingressgateway-asm', 1);
    ready('istio-ingressgateway-asm-2', 1);
    const refused = await apply([], file(), { asmAs: 'asm-reader' });
    expect(refused.code).toBe(1);
    expect(rows(refused.out)).toEqual(told('not created', 'not tried', 'not tried', 'not tried'));
    expect(refused.out).toContain('missing permission: create istiogateways in namespace istio-system');
    const half = await apply([], file(), { ackAs: 'ack-reader' });
    expect(half.code).toBe(1);
    expect(rows(half.out)).toEqual(told('created', 'ready', 'not created', 'not tried'));
    expect(half.err).toContain('What was created stays; run the same command again to go on.');
    const { code, out } = await apply(['--output', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      isDone: true,
      steps: [{ outcome: 'was there' }, { outcome: 'ready' }, { outcome: 'created' }, { outcome: 'ready' }],
    });
  });

  test('pods that do not come are waited for, and then said', async () => {
    const { code, out } = await apply(['--for', '2s']);
    expect(code).toBe(1);
    expect(rows(out)).toEqual(told('created', 'not ready', 'not tried', 'not tried'));
    expect(out).toContain('weight 0, 0 of at least 1 pods ready');
  });

  test('a gateway that is there and lacks what is needed is shown and left alone', async () => {
    const target = await readManifest('target-gateway.yaml');
    put(asm, 'istiogateways', { ...target, spec: { ...target.spec, serviceAnnotations: {} } });
    await mesh.idle();
    const before = versions();
    const { code, out, err } = await apply();
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(
      'IstioGateway istio-system/ingressgateway-asm is there already and differs; it is left alone',
    );
    expect(err).toContain(`spec.serviceAnnotations.${clusterId}.id: (none), and not "lb-public"`);
    expect(err).toContain('Nothing was created.');
    expect(versions()).toEqual(before);
  });

  test('one that only differs in size is shown, and the rest is created', async () => {
    ready('istio-ingressgateway-asm', 6);
    ready('istio-ingressgateway-asm-2', 6);
    put(asm, 'istiogateways', await readManifest('target-gateway.yaml'));
    const { code, out, err } = await apply();
    expect(err).toContain('  spec.replicaCount: 3, and not 1');
    expect(rows(out)).toEqual(told('was there', 'ready', 'created', 'ready'));
    expect(code).toBe(0);
  });
});

test.each<[readonly string[], RegExp]>([
  [['-f', 'm.yaml'], /which clusters\?/],
  [['-f', 'm.yaml', '--ack-kubeconfig', 'k'], /cannot read m\.yaml/],
  [['-f', 'm.yaml', '--for', 'long'], /--for is a duration such as 5m, not long/],
  [['-f', 'm.yaml', '--check'], /cannot be used with/],
  [['--apply', '--check', 'a.yaml'], /--apply and --serverless go with -f FILE/],
  [['-f', 'm.yaml', 'more.yaml'], /what is to be done\?/],
])('%j is wrong use', async (args, message) => {
  const { code, err } = await sluice(
    gatewayCommand,
    'gateway',
    ...args.map((one) => (one === 'm.yaml' ? (args.includes('--ack-kubeconfig') ? one : file()) : one)),
  );
  expect(code).toBe(2);
  expect(err).toMatch(message);
});
