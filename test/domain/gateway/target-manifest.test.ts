import { describe, expect, test } from 'vitest';
import { listenerNotes } from '../../../src/domain/gateway/listener-notes.ts';
import type { SharedBalancer, SourceScale, SourceSide } from '../../../src/domain/gateway/source-side.ts';
import { gatewayDifferences, serviceDifferences } from '../../../src/domain/gateway/target-differences.ts';
import { additionalService, type TargetInput, targetGateway } from '../../../src/domain/gateway/target-manifest.ts';
import { targetNotes, targetProblems } from '../../../src/domain/gateway/target-problems.ts';

const clb = (suffix: string) => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
const legacy = 'service.beta.kubernetes.io/alicloud-loadbalancer-address-type';

function source(more: Partial<SourceSide> = {}, vgroupPort = 'rsp-a:80,rsp-b:443', id = 'lb-1'): SourceSide {
  return {
    cluster: 'ack',
    clusterId: 'c1',
    namespace: 'istio-system',
    name: 'istio-ingressgateway',
    annotations: { [clb('id')]: id, [clb('vgroup-port')]: vgroupPort, [clb('weight')]: '100', [legacy]: 'internet' },
    type: 'LoadBalancer',
    loadBalancerClass: null,
    externalTrafficPolicy: 'Cluster',
    selector: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
    ports: [port('status-port', 15021, 15021), port('http2', 80, 8080), port('https', 443, 8443)],
    ...more,
  };
}

function port(name: string, number: number, targetPort: number | string) {
  return { name, port: number, targetPort, nodePort: 30_000 + (number % 1000), protocol: 'TCP' };
}

function shared(one = source(), loadBalancer = 'lb-1', groups: readonly [number, string][] = mapped): SharedBalancer {
  return { loadBalancer, source: one, ports: groups.map(([number, group]) => ({ port: number, group })) };
}
const mapped: readonly [number, string][] = [
  [80, 'rsp-a'],
  [443, 'rsp-b'],
];

const scale: SourceScale = {
  replicas: 5,
  resources: { limits: { cpu: '4', memory: '4Gi' } },
  autoscaler: { min: 3, max: 9, cpuPerCent: 70 },
};

const gateway = { namespace: 'istio-system', name: 'ingressgateway-asm' };
const input = (more: Partial<TargetInput> = {}): TargetInput => ({
  gateway,
  clusterIds: ['c1'],
  shared: [shared()],
  scales: { c1: scale },
  ...more,
});

describe('the gateway of a target', () => {
  test('shares the CLB with weight 0 and leaves its listeners alone, with no space in vgroup-port', () => {
    const spaced = source({}, 'rsp-a:80, rsp-b:443');
    expect(targetGateway(input({ shared: [shared(spaced)] })).spec['serviceAnnotations']).toEqual({
      [legacy]: 'internet',
      [clb('id')]: 'lb-1',
      [clb('force-override-listeners')]: 'false',
      [clb('vgroup-port')]: 'rsp-a:80,rsp-b:443',
      [clb('weight')]: '0',
    });
    expect(targetNotes(input({ shared: [shared(spaced)] }))).toContainEqual(expect.stringContaining('has a space'));
  });

  test('has the ports that the CLB leads to, and the source’s size', () => {
    const { spec } = targetGateway(input());
    expect(spec['ports']).toEqual([
      { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
      { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
    ]);
    expect(spec).toMatchObject({
      replicaCount: 5,
      minReplicas: 3,
      maxReplicas: 9,
      cpu: { targetAverageUtilization: 70 },
      resources: { limits: { cpu: '4', memory: '4Gi' } },
    });
    expect(targetNotes(input())).toContainEqual(expect.stringMatching(/left out: 15021$/));
  });

  test('gets the port itself where the source’s leads to a name of its pods', () => {
    const named = source({ ports: [port('http2', 80, 'http'), port('https', 443, 8443)] });
    expect(targetGateway(input({ shared: [shared(named)] })).spec['ports']).toMatchObject([
      { port: 80, targetPort: 80 },
      { port: 443, targetPort: 8443 },
    ]);
  });

  test('says all annotations again for a cluster on another CLB, and nothing for one on the same', () => {
    const other = source({ cluster: 'ack-2', clusterId: 'c2' }, 'rsp-x:80,rsp-y:443', 'lb-2');
    const groups: readonly [number, string][] = [
      [80, 'rsp-x'],
      [443, 'rsp-y'],
    ];
    const two = input({ clusterIds: ['c1', 'c2'], shared: [shared(), shared(other, 'lb-2', groups)] });
    const { overrides } = targetGateway({ ...two, scales: { c1: scale, c2: { ...scale, replicas: 2 } } }).spec;
    expect(overrides).toEqual({
      c2: {
        replicaCount: 2,
        serviceAnnotations: {
          [legacy]: 'internet',
          [clb('id')]: 'lb-2',
          [clb('force-override-listeners')]: 'false',
          [clb('vgroup-port')]: 'rsp-x:80,rsp-y:443',
          [clb('weight')]: '0',
        },
      },
    });
    const same = input({ clusterIds: ['c1', 'c2'], shared: [shared(), shared(source({ clusterId: 'c2' }))] });
    expect(targetGateway(same).spec).not.toHaveProperty('overrides');
    expect(targetProblems(two)).toEqual([]);
  });

  test('a further Service selects the gateway’s pods, with node ports that are handed out', () => {
    const manifest = additionalService(
      { namespace: 'istio-system', name: 'istio-ingressgateway-asm-2' },
      gateway,
      shared(),
      (number, near) => (near ?? 0) + number,
    );
    expect(manifest.spec['selector']).toEqual({
      app: 'istio-ingressgateway-asm',
      'asm-system': 'true',
      istio: 'ingressgateway-asm',
      provider: 'asm',
    });
    expect(manifest.spec['ports']).toMatchObject([{ nodePort: 30_160 }, { nodePort: 30_886 }]);
    expect(manifest.metadata.annotations?.[clb('weight')]).toBe('0');
  });
});

describe('no gateway is made', () => {
  const refused = (one: SourceSide, more: Partial<TargetInput> = {}) =>
    targetProblems(input({ shared: [shared(one)], ...more }));
  const without = (suffix: string) => {
    const { [clb(suffix)]: _, ...annotations } = source().annotations;
    return source({ annotations });
  };

  test.each<[string, readonly string[], RegExp]>([
    ['of a Service without a CLB', refused(without('id')), /names no CLB: give it loadbalancer-id/],
    ['of a Service without groups', refused(without('vgroup-port')), /maps no port to a vServer group/],
    ['of groups that cannot be read', refused(source({}, 'rsp-a')), /vgroup-port that cannot be read: "rsp-a"/],
    ['of a ClusterIP', refused(source({ type: 'ClusterIP' })), /is no LoadBalancer but ClusterIP/],
    ['on an NLB', refused(source({ loadBalancerClass: 'alibabacloud.com/nlb' })), /only Classic Load Balancers/],
    [
      'on another CLB than the route says',
      refused(source({}, 'rsp-a:80,rsp-b:443', 'lb-9')),
      /is on lb-9, and the route/,
    ],
    ['for a port that the Service does not have', refused(source({ ports: [port('http2', 80, 8080)] })), /no port 443/],
    ['that leaves a port dark', refused(source({}, 'rsp-a:80,rsp-b:443,rsp-c:15021')), /port 15021 to rsp-c.*go dark/],
    [
      'for a group that the source does not map',
      refused(source({}, 'rsp-a:80')),
      /maps port 443 to rsp-b, and Service/,
    ],
    [
      'with the source’s own name',
      refused(source({ selector: { app: 'shop' } }), { gateway: { ...gateway, name: 'ingressgateway' } }),
      /the mesh would take over Service/,
    ],
    [
      'whose pods the source would select',
      refused(source({ selector: { istio: 'ingressgateway-asm' } })),
      /would select the gateway’s pods as well/,
    ],
    ['in another namespace', refused(source(), { gateway: { ...gateway, namespace: 'edge' } }), /must be istio-system/],
    ['with too long a name', refused(source(), { gateway: { ...gateway, name: 'g'.repeat(58) } }), /longer than 57/],
  ])('%s', (_, problems, message) => {
    expect(problems).toEqual([expect.stringMatching(message)]);
  });

  test('and one that can be is not refused', () => {
    expect(targetProblems(input())).toEqual([]);
  });
});

test('the listeners of the CLB are laid beside what the Service maps', () => {
  expect(listenerNotes(shared(), [{ port: 80, group: 'rsp-a' }])).toEqual([
    'no listener of lb-1 leads to rsp-b, the group of port 443',
  ]);
  const all = [
    { port: 80, group: 'rsp-a' },
    { port: 443, group: 'rsp-b' },
  ];
  expect(listenerNotes(shared(), all)).toEqual([]);
  // Port 9000 is somebody else's; 15021 is a port of the Service that another group serves.
  expect(listenerNotes(shared(), [...all, { port: 9000, group: 'rsp-z' }, { port: 15_021, group: 'rsp-c' }])).toEqual([
    'listener 15021 of lb-1 leads to rsp-c, which Service ack/istio-system/istio-ingressgateway does not map: port 15021 stays where it is',
  ]);
});

describe('a gateway that is there already', () => {
  const wanted = targetGateway(input());
  const withSpec = (more: Readonly<Record<string, unknown>>) => ({ spec: { ...wanted.spec, ...more } });
  const told = (existing: unknown) =>
    gatewayDifferences(existing, wanted).map(({ path, isNeeded }) => `${path.join('.')}${isNeeded ? '!' : ''}`);

  test('differs in nothing where it says the same, whatever its weight and what it says beyond', () => {
    const annotations = {
      ...(wanted.spec['serviceAnnotations'] as object),
      [clb('weight')]: '40',
      'example.com/a': 'b',
    };
    expect(
      told(withSpec({ serviceAnnotations: annotations, env: [], resources: { limits: { cpu: 4, memory: '4Gi' } } })),
    ).toEqual([]);
  });

  test.each<[string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ['another size', { replicaCount: 2 }, ['spec.replicaCount']],
    ['no cluster', { clusterIds: ['c9'] }, ['spec.clusterIds!']],
    ['no load balancer', { serviceType: 'ClusterIP' }, ['spec.serviceType!']],
    ['a missing port', { ports: [{ port: 80, targetPort: 8080 }] }, ['spec.ports.443!']],
    ['another target port', { ports: [{ port: 80 }, { port: 443, targetPort: 8443 }] }, ['spec.ports.80.targetPort']],
    [
      'no annotations',
      { serviceAnnotations: {} },
      ['id', 'vgroup-port', 'force-override-listeners']
        .map((suffix) => `spec.serviceAnnotations.c1.${suffix}!`)
        .concat('spec.serviceAnnotations.c1.address-type'),
    ],
    [
      'an override that hides them',
      {
        overrides: {
          c1: { serviceAnnotations: { ...(wanted.spec['serviceAnnotations'] as object), [clb('id')]: 'lb-9' } },
        },
      },
      ['spec.serviceAnnotations.c1.id!'],
    ],
  ])('%s', (_, more, paths) => {
    expect(told(withSpec(more))).toEqual(paths);
  });

  test('and so does a further Service', () => {
    const service = additionalService({ namespace: 'istio-system', name: 'a-2' }, gateway, shared(), () => 30_001);
    expect(serviceDifferences(service, service)).toEqual([]);
    const other = { ...service, spec: { ...service.spec, selector: { app: 'a' } } };
    expect(serviceDifferences(other, service).map(({ path, isNeeded }) => [path.join('.'), isNeeded])).toContainEqual([
      'spec.selector.app',
      true,
    ]);
  });
});
