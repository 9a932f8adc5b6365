import { describe, expect, it } from 'vitest';
import { meshConfigOf, type SourceConfig, type TargetPods } from '../../src/domain/mesh-config.ts';
import { fileNotes, leftBehind, neededSecrets, trustNotes } from '../../src/domain/mesh-config-report.ts';
import { type MeshObject, meshObjectOf } from '../../src/domain/mesh-object.ts';
import { objectDifferences } from '../../src/domain/object-differences.ts';

const pods = {
  namespace: 'istio-system',
  labels: { app: 'istio-ingressgateway', istio: 'ingressgateway', tier: 'edge' },
};
const target: TargetPods = {
  namespace: 'istio-system',
  labels: { app: 'istio-gw-asm', istio: 'gw-asm', 'asm-system': 'true', provider: 'asm' },
  ports: [80, 443],
};

const object = (kind: string, name: string, spec: object, namespace = 'shop'): MeshObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { namespace, name },
  spec: spec as MeshObject['spec'],
});
const gateway = (name: string, selector: object, more: object = {}, namespace = 'shop') =>
  object('Gateway', name, { selector, servers: [{ port: { number: 80 }, hosts: ['*'] }], ...more }, namespace);
const virtualService = (name: string, spec: object, namespace = 'shop') =>
  object('VirtualService', name, { hosts: ['*'], ...spec }, namespace);
const to = (host: string) => [{ route: [{ destination: { host } }] }];

const config = (source: Partial<SourceConfig>) =>
  meshConfigOf(
    { gateways: [], virtualServices: [], destinationRules: [], serviceEntries: [], others: [], ...source },
    pods,
    target,
  );
const names = ({ objects }: ReturnType<typeof config>) =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);

describe('the Gateways of a source', () => {
  it('are those that select its pods, and their copies select the target’s', () => {
    const found = config({
      gateways: [
        gateway('public', { istio: 'ingressgateway' }),
        gateway('both', { istio: 'ingressgateway', app: 'istio-ingressgateway' }),
        gateway('egress', { istio: 'egressgateway' }),
      ],
    });
    expect(names(found)).toEqual(['Gateway shop/public', 'Gateway shop/both']);
    expect(found.objects.map(({ spec }) => spec['selector'])).toEqual([
      { istio: 'gw-asm' },
      { istio: 'gw-asm', app: 'istio-gw-asm' },
    ]);
    expect(found.notes).toEqual([]);
  });

  it('keep their own selector: the copy is another object', () => {
    const own = gateway('public', { istio: 'ingressgateway' });
    config({ gateways: [own] });
    expect(own.spec['selector']).toEqual({ istio: 'ingressgateway' });
  });

  it('are left out where the target’s pods lack a label that they select by', () => {
    const { objects, leftOut } = config({ gateways: [gateway('edge', { istio: 'ingressgateway', tier: 'edge' })] });
    expect(objects).toEqual([]);
    expect(leftOut).toEqual([
      { object: 'Gateway shop/edge', isNeeded: true, reason: expect.stringMatching(/tier=edge.*restarts them/) },
    ]);
  });

  it('that select all gateways get a copy for the target alone', () => {
    const { objects, notes } = config({ gateways: [gateway('all', {})] });
    expect(objects[0]?.spec['selector']).toEqual({ istio: 'gw-asm' });
    expect(notes).toEqual(['Gateway shop/all selects every gateway; its copy selects gw-asm alone']);
  });

  it('are told where they listen on a port that the target has not', () => {
    const { notes } = config({
      gateways: [gateway('public', { istio: 'ingressgateway' }, { servers: [{ port: { number: 15443 } }] })],
    });
    expect(notes).toEqual(["Gateway shop/public listens on 15443, which is no port of the target's gateway"]);
  });
});

describe('what belongs to the Gateways', () => {
  const gateways = [gateway('public', { istio: 'ingressgateway' }, {}, 'edge')];

  it('are the VirtualServices that name them, in either spelling, and their delegates', () => {
    const found = config({
      gateways,
      virtualServices: [
        virtualService('far', { gateways: ['edge/public'], http: [{ delegate: { name: 'part', namespace: 'team' } }] }),
        virtualService('near', { gateways: ['public'], http: to('page') }, 'edge'),
        virtualService('other', { gateways: ['public'], http: to('page') }, 'elsewhere'),
        virtualService('inside', { http: to('page') }),
        virtualService('part', { http: [{ delegate: { name: 'part' } }] }, 'team'),
      ],
    });
    expect(names(found)).toEqual([
      'VirtualService shop/far',
      'VirtualService edge/near',
      'VirtualService team/part',
      'Gateway edge/public',
    ]);
  });

  it('are the DestinationRules and ServiceEntries of the hosts that they lead to', () => {
    const rule = (name: string, host: string, namespace = 'shop') =>
      object('DestinationRule', name, { host }, namespace);
    const found = config({
      gateways,
      virtualServices: [
        virtualService('shop', {
          gateways: ['edge/public'],
          http: [{ ...to('page')[0], mirror: { host: 'copy.shop' } }],
          tls: to('outside.example.com'),
        }),
      ],
      destinationRules: [
        rule('short', 'page'),
        rule('full', 'copy.shop.svc.cluster.local', 'team'),
        rule('wide', '*.shop.svc.cluster.local', 'team'),
        rule('namesake', 'page', 'team'),
      ],
      serviceEntries: [
        object('ServiceEntry', 'outside', { hosts: ['*.example.com'], workloadSelector: { labels: {} } }),
        object('ServiceEntry', 'unused', { hosts: ['example.org'] }),
      ],
    });
    expect(names(found)).toEqual([
      'ServiceEntry shop/outside',
      'DestinationRule shop/short',
      'DestinationRule team/full',
      'DestinationRule team/wide',
      'VirtualService shop/shop',
      'Gateway edge/public',
    ]);
    expect(found.notes).toEqual(['ServiceEntry shop/outside selects workloads: their WorkloadEntries are not copied']);
  });

  it('are told where they name sidecars or other gateways as well', () => {
    const { notes } = config({
      gateways,
      virtualServices: [virtualService('shop', { gateways: ['mesh', 'edge/public', 'egress'], http: to('page') })],
    });
    expect(notes).toEqual([
      expect.stringContaining('VirtualService shop/shop names mesh as well'),
      'VirtualService shop/shop names gateways that are not copied: shop/egress',
    ]);
  });
});

describe('what is never copied', () => {
  const filter = (name: string, spec: object, namespace = 'istio-system', kind = 'EnvoyFilter') =>
    object(kind, name, spec, namespace);

  it('is told where it acts on the source’s pods, and not otherwise', () => {
    const found = leftBehind(
      [
        filter('own', { workloadSelector: { labels: { istio: 'ingressgateway' } } }),
        filter('all', {}),
        filter('egress', { workloadSelector: { labels: { istio: 'egressgateway' } } }),
        filter('elsewhere', {}, 'shop'),
        filter(
          'callers',
          { selector: { matchLabels: { app: 'istio-ingressgateway' } } },
          'istio-system',
          'AuthorizationPolicy',
        ),
      ],
      pods,
    );
    expect(found.map((one) => one.object)).toEqual([
      'EnvoyFilter istio-system/own',
      'EnvoyFilter istio-system/all',
      'AuthorizationPolicy istio-system/callers',
    ]);
    expect(found[2]?.reason).toContain('until it is written for its pods');
  });

  it('are certificates: which ones the target needs is told', () => {
    const tls = (more: object) => ({ servers: [{ port: { number: 443 }, tls: more }] });
    const gateways = [
      gateway('a', {}, tls({ mode: 'SIMPLE', credentialName: 'shop-cert' })),
      gateway('b', {}, tls({ mode: 'MUTUAL', credentialName: 'partner' })),
      gateway('c', {}, tls({ mode: 'SIMPLE', serverCertificate: '/etc/certs/tls.crt' })),
    ];
    expect(neededSecrets(gateways)).toEqual([
      { name: 'shop-cert', gateway: 'Gateway shop/a', isMutual: false },
      { name: 'partner', gateway: 'Gateway shop/b', isMutual: true },
    ]);
    expect(fileNotes(gateways)).toEqual([expect.stringMatching(/^Gateway shop\/c reads .*tls\.crt: .*secretVolumes/)]);
  });

  it('is trust: other roots, and roots that nobody could read, are told', () => {
    expect(trustNotes('A\n', 'A')).toEqual([]);
    expect(trustNotes('A', 'B')).toEqual([expect.stringContaining('CERTIFICATE_VERIFY_FAILED')]);
    expect(trustNotes(null, 'B')).toEqual([expect.stringContaining('could not be read')]);
  });
});

describe('a copy', () => {
  it('carries nothing of the cluster that it comes from', () => {
    const item = {
      metadata: {
        ...{ namespace: 'shop', name: 'public', uid: 'u', resourceVersion: '7', generation: 2, ownerReferences: [{}] },
        labels: { 'istio.io/rev': 'default', team: 'shop' },
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
        managedFields: [{}],
      },
      spec: { hosts: ['*'] },
      status: { conditions: [] },
    };
    expect(meshObjectOf(item, 'networking.istio.io/v1', 'Gateway')).toEqual({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: { namespace: 'shop', name: 'public', labels: { team: 'shop' } },
      spec: { hosts: ['*'] },
    });
    expect(meshObjectOf({ spec: {} }, 'v1', 'Gateway')).toBeNull();
  });

  it('differs where either says something that the other does not', () => {
    const found = { hosts: ['a', 'b'], gateways: ['mesh'], http: [{ timeout: '5s' }], tls: null };
    const wanted = { hosts: ['a'], http: [{ timeout: '3s', name: 'x' }] };
    expect(objectDifferences(found, wanted, ['spec']).map(({ path }) => path.join('.'))).toEqual([
      'spec.hosts.1',
      'spec.http.0.timeout',
      'spec.http.0.name',
      'spec.gateways',
    ]);
    expect(objectDifferences(wanted, wanted, [])).toEqual([]);
    expect(
      objectDifferences(
        Array.from({ length: 80 }),
        Array.from({ length: 80 }, () => 1),
        [],
      ),
    ).toHaveLength(50);
  });
});
