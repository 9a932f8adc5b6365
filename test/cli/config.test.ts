import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { configCommand } from '../../src/cli/config.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { ackResources, asmResources, type ResourceType } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { readManifest } from '../../src/sandbox/manifests.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { sluice } from './terminal.ts';

const limited = 'a-token-that-may-not-create-gateways';
const blind = 'a-token-that-may-read-no-secrets';
const clock = sandboxClock(50);
const faults = new Faults(seededRandom(1), () => clock.now());
let ack: ApiServer;
let asm: ApiServer;
let folder: string;

/** The sandbox's own API servers: a source with its configuration, and a mesh that is older and has none yet. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  const older = asmResources.map(
    (type): ResourceType =>
      type.group === 'networking.istio.io' ? { ...type, versions: ['v1beta1', 'v1alpha3'] } : type,
  );
  const rest = ['namespaces', 'virtualservices', 'destinationrules'];
  const tokens = {
    [limited]: [
      { verbs: ['get', 'list'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['create'], apiGroups: ['*'], resources: rest },
    ],
  };
  const eyes = ['services', 'deployments', 'configmaps', 'gateways', 'virtualservices', 'destinationrules'];
  const reader = [
    { verbs: ['get', 'list'], apiGroups: ['*'], resources: [...eyes, 'serviceentries', 'envoyfilters'] },
    { verbs: ['get', 'list'], apiGroups: ['*'], resources: ['authorizationpolicies'] },
  ];
  const common = { clock, faults };
  ack = await startApiServer({
    name: 'ack',
    place: 'ack',
    serves: ackResources,
    ...common,
    tokens: { [blind]: reader },
  });
  asm = await startApiServer({ name: 'asm', place: 'asm', serves: older, ...common, tokens });
  writeFileSync(join(folder, 'ack.yaml'), ack.kubeconfig);
  writeFileSync(join(folder, 'ack-blind.yaml'), ack.kubeconfigFor(blind));
  writeFileSync(join(folder, 'asm.yaml'), asm.kubeconfig);
  writeFileSync(join(folder, 'asm-limited.yaml'), asm.kubeconfigFor(limited));
  for (const namespace of ['shop', 'istio-system'])
    put(ack, 'namespaces', { metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } });
  put(asm, 'namespaces', { metadata: { name: 'istio-system' } });
  put(ack, 'services', await readManifest('source-services.yaml'));
  put(ack, 'gateways', await inShop('gateway.yaml'));
  put(ack, 'virtualservices', await inShop('virtual-service.yaml'));
  put(ack, 'destinationrules', await inShop('destination-rule.yaml'));
  put(ack, 'secrets', { metadata: { name: 'shop-example-com', namespace: 'istio-system' } });
  put(asm, 'istiogateways', await readManifest('target-gateway.yaml'));
  for (const server of [ack, asm]) root(server, 'one root');
});

afterEach(async () => {
  faults.clear();
  await Promise.all([ack.stop(), asm.stop()]);
  rmSync(folder, { recursive: true });
});

function put(server: ApiServer, plural: Parameters<ApiServer['model']['put']>[0], object: object): void {
  server.model.put(plural, object as Parameters<ApiServer['model']['put']>[1], clock.now());
}

/** One of the example's objects, in a namespace that the mesh has not. */
async function inShop(file: string) {
  const { metadata, spec, ...object } = await readManifest(file);
  return { ...object, metadata: { ...metadata, namespace: 'shop' }, spec: { ...spec } };
}

function root(server: ApiServer, text: string): void {
  const metadata = { name: 'istio-ca-root-cert', namespace: 'istio-system' };
  put(server, 'configmaps', { metadata, data: { 'root-cert.pem': text } });
}

interface Who {
  readonly ackAs?: string;
  readonly asmAs?: string;
}

function config(
  more: readonly string[] = [],
  { ackAs = 'ack', asmAs = 'asm' }: Who = {},
  source = 'istio-system/istio-ingressgateway',
) {
  const path = join(folder, 'shop.yaml');
  const spec = `source: ${source}, target: istio-system/ingressgateway-asm, steps: [100%]`;
  writeFileSync(path, `apiVersion: sluice/v1\nkind: Migration\nmetadata: { name: shop }\nspec: { ${spec} }\n`);
  const kubeconfigs = [
    '--ack-kubeconfig',
    join(folder, `${ackAs}.yaml`),
    '--asm-kubeconfig',
    join(folder, `${asmAs}.yaml`),
  ];
  return sluice(configCommand, 'config', '-f', path, ...kubeconfigs, ...more);
}

const kinds = ['namespaces', 'gateways', 'virtualservices', 'destinationrules'] as const;
const inMesh = () =>
  kinds.flatMap((kind) => asm.model.list(kind).items.map(({ metadata }) => `${kind}/${metadata?.name ?? ''}`));
const versions = (server: ApiServer) =>
  kinds.flatMap((kind) => server.model.list(kind).items.map(({ metadata }) => metadata?.resourceVersion));
const rows = (out: string) => out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 2).join(' | '));

describe('sluice config', () => {
  test('prints what the mesh needs, in the version that it serves, and writes nothing', async () => {
    const before = [versions(ack), versions(asm)];
    const { code, out, err } = await config();
    expect(code).toBe(0);
    const printed = parseAllDocuments(out).map((document) => document.toJS());
    expect(printed.map(({ kind }) => kind)).toEqual(['Namespace', 'DestinationRule', 'VirtualService', 'Gateway']);
    expect(printed[0]).toEqual({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const { spec, metadata } = await inShop('gateway-asm.yaml');
    expect(printed[3]).toEqual({ apiVersion: 'networking.istio.io/v1beta1', kind: 'Gateway', metadata, spec });
    expect(out).toMatch(/^# For the API server of the mesh \(asm\)\.\n/);
    expect(err).toContain('note: the mesh serves another apiVersion than the source');
    expect(err).not.toMatch(/root certificate|needed:|left out:/);
    expect([versions(ack), versions(asm)]).toEqual(before);
  });

  test('creates it, leaves the source as it is, and creates nothing a second time', async () => {
    const source = versions(ack);
    const first = await config(['--apply']);
    expect(rows(first.out)).toEqual([
      'created | Namespace shop',
      'created | DestinationRule shop/productpage',
      'created | VirtualService shop/bookinfo',
      'created | Gateway shop/bookinfo-gateway',
    ]);
    expect(first.code).toBe(0);
    const [made] = asm.model.list('namespaces').items.filter(({ metadata }) => metadata?.name === 'shop');
    expect(Object.keys(made?.metadata?.labels ?? {})).toEqual(['kubernetes.io/metadata.name']);
    const before = versions(asm);
    const second = await config(['--apply']);
    expect(rows(second.out)).toEqual([
      'was there | DestinationRule shop/productpage',
      'was there | VirtualService shop/bookinfo',
      'was there | Gateway shop/bookinfo-gateway',
    ]);
    expect(second.code).toBe(0);
    expect(versions(asm)).toEqual(before);
    expect(versions(ack)).toEqual(source);
  });

  test('shows what is there and differs, leaves it alone, and creates the rest', async () => {
    put(asm, 'namespaces', { metadata: { name: 'shop' } });
    const own = await inShop('virtual-service.yaml');
    const theirs = { ...own, spec: { ...own.spec, hosts: ['other.example.com'], exportTo: ['.'] } };
    put(asm, 'virtualservices', theirs);
    const { code, out, err } = await config(['--apply']);
    expect(code).toBe(1);
    expect(rows(out)).toEqual([
      'created | DestinationRule shop/productpage',
      'differs | VirtualService shop/bookinfo',
      'created | Gateway shop/bookinfo-gateway',
    ]);
    expect(err).toContain('VirtualService shop/bookinfo is there already and differs; it is left alone');
    expect(err).toContain('  - spec.hosts.0: "other.example.com"\n  + spec.hosts.0: "shop.example.com"');
    expect(err).toContain('  - spec.exportTo: ["."]');
    expect(asm.model.list('virtualservices').items[0]).toMatchObject({ spec: { hosts: ['other.example.com'] } });
  });

  test('says after a failure what was created and what not, and goes on when it is run again', async () => {
    const failed = await config(['--apply'], { asmAs: 'asm-limited' });
    expect(failed.code).toBe(1);
    expect(rows(failed.out)).toEqual([
      'created | Namespace shop',
      'created | DestinationRule shop/productpage',
      'created | VirtualService shop/bookinfo',
      'not created | Gateway shop/bookinfo-gateway',
    ]);
    expect(failed.out).toContain('missing permission: create gateways in namespace shop');
    expect(failed.err).toContain('run the same command again to go on');
    expect(rows((await config(['--apply'])).out)).toEqual([
      'was there | DestinationRule shop/productpage',
      'was there | VirtualService shop/bookinfo',
      'created | Gateway shop/bookinfo-gateway',
    ]);
  });

  test('tells what it does not copy, and why', async () => {
    const labels = { istio: 'ingressgateway' };
    put(ack, 'envoyfilters', {
      metadata: { name: 'lua', namespace: 'istio-system' },
      spec: { workloadSelector: { labels } },
    });
    put(ack, 'authorizationpolicies', {
      metadata: { name: 'office', namespace: 'istio-system' },
      spec: { selector: { matchLabels: labels }, action: 'ALLOW' },
    });
    root(asm, 'another root');
    const servers = [{ port: { number: 443 }, tls: { mode: 'SIMPLE', credentialName: 'lost-cert' } }];
    const own = await inShop('gateway.yaml');
    put(ack, 'gateways', { ...own, spec: { ...own.spec, servers } });
    const { code, out, err } = await config(['--output', 'json']);
    expect(code).toBe(0);
    expect(err).toContain('left out: EnvoyFilter istio-system/lua');
    expect(err).toContain('left out: AuthorizationPolicy istio-system/office');
    expect(err).toContain('needed: Secret ack/istio-system/lost-cert is missing');
    expect(err).toContain('the root certificates of both meshes differ');
    expect(JSON.parse(out)).toMatchObject({
      objects: [{ object: { kind: 'Namespace' } }, {}, {}, { isThere: false, object: { kind: 'Gateway' } }],
      leftOut: [{ isNeeded: true }, { isNeeded: false }, { isNeeded: false }],
    });
    // Created all the same, because they wait for nothing else; but that is not all.
    const applied = await config(['--apply']);
    expect(applied.code).toBe(1);
    expect(applied.err).toContain('the target does not serve all that the source serves');
    expect(inMesh()).toContain('gateways/bookinfo-gateway');
  });

  test('says what it may not see, instead of taking it for missing', async () => {
    const { code, err } = await config([], { ackAs: 'ack-blind' });
    expect(code).toBe(0);
    expect(err).toContain('left out: Secret ack/istio-system/shop-example-com could not be read');
    expect(err).toContain("note: whether ack serves Istio's resources itself could not be told");
  });

  test('refuses a cluster that hands out the mesh’s own objects as its own', async () => {
    const name = 'v1beta1.networking.istio.io';
    put(ack, 'apiservices', { metadata: { name }, spec: { service: { name: 'asm', namespace: 'kube-system' } } });
    const { code, out, err } = await config(['--apply']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/shop\.yaml: spec\.source: ack serves v1beta1\.networking\.istio\.io from elsewhere/);
    expect(err).toContain('Nothing was created.');
    expect(inMesh()).not.toContain('namespaces/shop');
  });

  test('says where the source is not there, or no mesh is given', async () => {
    expect(await config([], {}, 'istio-system/elsewhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no Service'),
    });
    const line = ['config', '-f', join(folder, 'shop.yaml'), '--ack-kubeconfig', join(folder, 'ack.yaml')];
    expect(await sluice(configCommand, ...line)).toMatchObject({ code: 2, err: expect.stringContaining('which mesh') });
  });
});
