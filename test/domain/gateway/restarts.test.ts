import { describe, expect, test } from 'vitest';
import { parseAsmVersion } from '../../../src/domain/gateway/asm-version.ts';
import { diffGateways, effectOf, restartingFields } from '../../../src/domain/gateway/restarts.ts';

type Spec = Readonly<Record<string, unknown>>;
const gateway = (spec: Spec, annotations: Readonly<Record<string, string>> = {}, more: object = {}) => ({
  metadata: { name: 'a-asm', namespace: 'istio-system', annotations, ...more },
  spec: { clusterIds: ['c1', 'c2'], ...spec },
});

const old = old118();
function old118(): Spec {
  return {
    env: [{ name: 'a', value: '1' }],
    ports: [{ name: 'http', port: 80 }],
    resources: { limits: { cpu: '2', memory: '2G' } },
    podLabels: { a: 'b' },
    kernel: { enabled: true, parameters: { 'net.core.somaxconn': '65535' } },
    serviceAnnotations: { weight: '0' },
    runAsRoot: true,
    minReplicas: 2,
  };
}

const changes = (after: Spec, version?: string) =>
  diffGateways(gateway(old), gateway({ ...old, ...after }), version === undefined ? null : parseAsmVersion(version));
const inShort = (after: Spec, version?: string) =>
  changes(after, version).map(({ path, effect }) => `${path.slice(1).join('.')}: ${effect}`);

describe('a change of one field', () => {
  test.each<[string, Spec, string]>([
    ['env', { env: [{ name: 'a', value: '2' }] }, 'env.0.value: restart'],
    ['a further variable', { env: [...(old['env'] as []), { name: 'b', value: '' }] }, 'env: restart'],
    ['configVolumes', { configVolumes: [{ name: 'v' }] }, 'configVolumes: restart'],
    ['secretVolumes', { secretVolumes: [{ name: 'v' }] }, 'secretVolumes: restart'],
    ['resources', { resources: { limits: { cpu: '4', memory: '2G' } } }, 'resources.limits.cpu: restart'],
    ['podLabels', { podLabels: {} }, 'podLabels.a: restart'],
    ['podAnnotations', { podAnnotations: { a: 'b' } }, 'podAnnotations.a: restart'],
    ['kernel.enabled', { kernel: { ...(old['kernel'] as object), enabled: false } }, 'kernel.enabled: restart'],
    ['kernel.parameters', { kernel: { enabled: true } }, 'kernel.parameters.net.core.somaxconn: restart'],
    ['hostNetwork', { hostNetwork: true }, 'hostNetwork: restart'],
    ['dnsPolicy', { dnsPolicy: 'Default' }, 'dnsPolicy: restart'],
    ['nodeSelector', { nodeSelector: { a: 'b' } }, 'nodeSelector.a: restart'],
    ['affinity', { affinity: { nodeAffinity: {} } }, 'affinity.nodeAffinity: restart'],
    ['tolerations', { tolerations: [{ operator: 'Exists' }] }, 'tolerations: restart'],
    ['the weight', { serviceAnnotations: { weight: '10' } }, 'serviceAnnotations.weight: none'],
    ['serviceLabels', { serviceLabels: { a: 'b' } }, 'serviceLabels.a: none'],
    ['serviceType', { serviceType: 'NodePort' }, 'serviceType: none'],
    ['the policy', { externalTrafficPolicy: 'Local' }, 'externalTrafficPolicy: none'],
    ['minReplicas', { minReplicas: 3 }, 'minReplicas: none'],
    ['replicaCount', { replicaCount: 3 }, 'replicaCount: none'],
    ['rollingMaxSurge', { rollingMaxSurge: '25%' }, 'rollingMaxSurge: none'],
    ['compression', { compression: { enabled: true } }, 'compression.enabled: none'],
    ['what no page describes', { runAsRoot: false }, 'runAsRoot: unknown'],
  ])('%s', (_, after, told) => {
    expect(inShort(after)).toEqual([told]);
  });

  test('ports restart the pods before ASM 1.16 only', () => {
    const after = { ports: [{ name: 'http', port: 8080 }] };
    expect(inShort(after, '1.15.3.120')).toEqual(['ports.0.port: restart']);
    expect(inShort(after, '1.16')).toEqual(['ports.0.port: none']);
    expect(inShort(after, '2.0')).toEqual(['ports.0.port: none']);
    expect(inShort(after)).toEqual(['ports.0.port: none']);
  });
});

describe('a change for one cluster', () => {
  test('restarts the pods there', () => {
    const [change] = changes({ overrides: { c2: { resources: { limits: { cpu: '8' } } } } });
    expect(change).toMatchObject({
      path: ['spec', 'overrides', 'c2', 'resources', 'limits', 'cpu'],
      effect: 'restart',
      why: 'restarts the pods in c2',
    });
  });

  test('of the autoscaler and the Service’s type has no effect before ASM 1.16', () => {
    const after = { overrides: { c2: { maxReplicas: 5, serviceType: 'NodePort', replicaCount: 1 } } };
    expect(changes(after, '1.15').map(({ why }) => why)).toEqual([
      'can be set per cluster from ASM 1.16 on; before, it has no effect',
      'can be set per cluster from ASM 1.16 on; before, it has no effect',
      'adds pods or takes some away; the others go on',
    ]);
    expect(changes(after, '1.16').map(({ why }) => why)).toEqual([
      'adds pods or takes some away; the others go on',
      'changes the Service and no pod; a Service that is no LoadBalancer leaves its CLB',
      'adds pods or takes some away; the others go on',
    ]);
  });

  test('a base that some clusters override restarts the others, and one that all override cannot be told', () => {
    const resources = { limits: { cpu: '1' } };
    const before = { ...old, overrides: { c2: { resources } } };
    const [some] = diffGateways(gateway(before), gateway({ ...before, resources }));
    expect(some?.why).toBe('restarts the pods in c1');
    const all = { ...old, overrides: { c1: { resources }, c2: { resources } } };
    expect(effectOf(diffGateways(gateway(all), gateway({ ...all, resources })))).toBe('unknown');
  });

  test('a cluster that comes or goes restarts nothing and is told', () => {
    const [change] = changes({ clusterIds: ['c2', 'c3'] });
    expect(change).toMatchObject({
      effect: 'none',
      why: 'the gateway is deployed to c3; its pods and its Service in c1 are taken away',
    });
  });
});

describe('what is no change', () => {
  test('the same quantity in other words, and a field without a value', () => {
    expect(inShort({ resources: { limits: { cpu: '2000m', memory: 2e9 } }, affinity: null })).toEqual([]);
  });

  test('the order of fields and of clusters, and what the API server keeps', () => {
    const after = { ...gateway({ ...old, clusterIds: ['c2', 'c1'] }, {}, { resourceVersion: '7' }), status: {} };
    expect(diffGateways(gateway(old), after)).toEqual([]);
  });

  test('annotations of kubectl and of Sluice; those of the mesh cannot be told', () => {
    const own = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'sluice.dev/fence': '3' };
    expect(diffGateways(gateway(old), gateway(old, own))).toEqual([]);
    const ofMesh = { 'asm.alibabacloud.com/managed-by-asm': 'true', 'example.com/team': 'edge' };
    expect(diffGateways(gateway(old), gateway(old, ofMesh)).map(({ effect }) => effect)).toEqual(['unknown', 'none']);
  });
});

test('of several changes the worst is told', () => {
  expect(effectOf(changes({ runAsRoot: false, minReplicas: 3 }))).toBe('unknown');
  expect(effectOf(changes({ runAsRoot: false, hostNetwork: true }))).toBe('restart');
  expect(effectOf(changes({ minReplicas: 3 }))).toBe('none');
  expect(effectOf([])).toBe('none');
});

test('the fields that restart pods are told by their paths, those of overrides too, and no weight is among them', () => {
  const env = [{ name: 'A', value: '1' }];
  const serviceAnnotations = { weight: '10' };
  const overrides = { c1: { resources: { limits: { cpu: '2' } }, serviceAnnotations }, c2: { replicaCount: 2 } };
  expect(restartingFields({ spec: { env, replicaCount: 3, serviceAnnotations, overrides } })).toEqual({
    'spec.env': env,
    'spec.overrides.c1.resources': { limits: { cpu: '2' } },
  });
  expect(restartingFields(null)).toEqual({});
});
