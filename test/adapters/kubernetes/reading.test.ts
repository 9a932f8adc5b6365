import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TerminalError, TransientError } from '../../../src/ports/errors.ts';
import {
  cloudAnnotations,
  clusterId,
  legacyWeightKey,
  namespace,
  putGateway,
  putNode,
  putService,
  putSlice,
  route,
  startWorld,
  type World,
  weightKey,
} from './world.ts';

const run = promisify(execFile);
let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.stop());

const ecs = { 'service.beta.kubernetes.io/backend-type': 'ecs' };

async function sourceService() {
  const { source } = await world.router.read(route);
  return source.services[0] ?? expect.unreachable();
}

describe('reading a route', () => {
  it('tells both carriers, their Services and the pods behind them', async () => {
    const { source, target } = await world.router.read(route);
    expect(source.carrier).toMatchObject({ weight: '100', weightKey, overrides: {}, fence: null });
    expect(target.carrier).toMatchObject({ weight: '0', weightKey, overrides: {}, fence: null });
    expect(source.services).toHaveLength(1);
    expect(source.services[0]).toMatchObject({
      cluster: 'ack',
      clusterId,
      namespace,
      name: 'istio-ingressgateway',
      weight: '100',
      mode: 'eni',
      backends: ['10.0.1.1', '10.0.1.2', '10.0.1.3'].map((address) => ({ address, pods: 1 })),
      readyPods: 3,
      portNames: { 80: 'http2', 443: 'https' },
      warning: null,
    });
    expect(source.services[0]?.endpoints[0]).toEqual({
      address: '10.0.1.1',
      node: null,
      targetPorts: { 80: 8080, 443: 8443 },
    });
    expect(target.services[0]).toMatchObject({ name: 'istio-ingressgateway-asm', weight: '0', readyPods: 2 });
  });

  it('leaves out pods that are not ready or on their way out', async () => {
    putSlice(world.ack, 'istio-ingressgateway', [
      '10.0.1.1',
      { address: '10.0.1.2', ready: false },
      { address: '10.0.1.3', terminating: true },
    ]);
    expect(await sourceService()).toMatchObject({ backends: [{ address: '10.0.1.1', pods: 1 }], readyPods: 1 });
  });

  it('in cluster mode takes every eligible node, whatever runs on it', async () => {
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, ...ecs, [weightKey]: '100' });
    putNode(world.ack, 'a');
    putNode(world.ack, 'b', { spec: { unschedulable: true } });
    putNode(world.ack, 'down', { ready: false });
    putNode(world.ack, 'control', { labels: { 'node-role.kubernetes.io/control-plane': '' } });
    putNode(world.ack, 'excluded', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' } });
    putNode(world.ack, 'leaving', {
      spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
    });
    const reading = await sourceService();
    expect(reading.mode).toBe('cluster');
    expect(reading.backends).toEqual([
      { address: 'i-a', pods: 1 },
      { address: 'i-b', pods: 1 },
    ]);
    expect(reading.readyPods).toBe(3);
  });

  it('in cluster mode honours the labels and the cordon that the Service asks for', async () => {
    const prefix = weightKey.slice(0, -'weight'.length);
    const asked = { [`${prefix}backend-label`]: 'pool=edge', [`${prefix}remove-unscheduled-backend`]: 'on' };
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, ...ecs, ...asked, [weightKey]: '100' });
    putNode(world.ack, 'a', { labels: { pool: 'edge' } });
    putNode(world.ack, 'b', { labels: { pool: 'other' } });
    putNode(world.ack, 'c', { labels: { pool: 'edge' }, spec: { unschedulable: true } });
    expect((await sourceService()).backends).toEqual([{ address: 'i-a', pods: 1 }]);
  });

  it('in local mode counts the ready pods of each node, and pods of a virtual node by themselves', async () => {
    const spec = { externalTrafficPolicy: 'Local' };
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, ...ecs, [weightKey]: '100' }, spec);
    for (const name of ['a', 'b', 'idle']) putNode(world.ack, name);
    putNode(world.ack, 'eci', { labels: { type: 'virtual-kubelet' } });
    putSlice(world.ack, 'istio-ingressgateway', [
      { address: '10.0.1.1', node: 'a' },
      { address: '10.0.1.2', node: 'a' },
      { address: '10.0.1.3', node: 'b' },
      { address: '10.0.1.4', node: 'eci' },
    ]);
    const reading = await sourceService();
    expect(reading.mode).toBe('local');
    expect(reading.backends).toEqual([
      { address: 'i-a', pods: 2 },
      { address: 'i-b', pods: 1 },
      { address: '10.0.1.4', pods: 1, isEci: true },
    ]);
    expect(reading.endpoints.map(({ node }) => node)).toEqual(['a', 'a', 'b', 'eci']);
  });

  it('reads the legacy spelling where only that one is there, and the new one where both are', async () => {
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, [legacyWeightKey]: '60' });
    expect((await world.router.read(route)).source.carrier).toMatchObject({ weight: '60', weightKey: legacyWeightKey });
    putService(world.ack, 'istio-ingressgateway', { ...cloudAnnotations, [legacyWeightKey]: '60', [weightKey]: '' });
    expect((await world.router.read(route)).source.carrier).toMatchObject({ weight: '', weightKey });
  });

  it('tells the weight of each override that has annotations of its own', async () => {
    putGateway(world.asm, {
      serviceAnnotations: { ...cloudAnnotations, [weightKey]: '0' },
      overrides: { [clusterId]: { serviceAnnotations: { [weightKey]: '5' } }, other: { replicaCount: 3 } },
    });
    const { target } = await world.router.read(route);
    expect(target.carrier?.overrides).toEqual({ [clusterId]: '5' });
  });

  it('tells the newest warning of the cloud controller', async () => {
    const event = (name: string, reason: string, at: string, component = 'service-controller', firstAt = at) =>
      world.ack.model.put(
        'events',
        {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name, namespace },
          type: reason === 'EnsuredLoadBalancer' ? 'Normal' : 'Warning',
          reason,
          message: `about ${name}`,
          source: { component },
          involvedObject: { kind: 'Service', name: 'istio-ingressgateway', namespace },
          firstTimestamp: firstAt,
          lastTimestamp: at,
        } as never,
        Date.now(),
      );
    event('one', 'SyncLoadBalancerFailed', '2026-01-01T00:00:00Z');
    event('two', 'SkipSyncBackends', '2026-01-01T00:00:05Z');
    event('three', 'EnsuredLoadBalancer', '2026-01-01T00:00:09Z');
    event('four', 'BackOff', '2026-01-01T00:00:09Z', 'kubelet');
    expect((await sourceService()).warning).toEqual({
      reason: 'SkipSyncBackends',
      message: 'about two',
      atMs: Date.parse('2026-01-01T00:00:05Z'),
      firstAtMs: Date.parse('2026-01-01T00:00:05Z'),
    });
    // Both are of one reconcile, and an event has whole seconds.
    event('five', 'SyncLoadBalancerFailed', '2026-01-01T00:00:05Z', 'service-controller', '2026-01-01T00:00:03Z');
    expect((await sourceService()).warning).toEqual({
      reason: 'SyncLoadBalancerFailed',
      message: 'about five',
      atMs: Date.parse('2026-01-01T00:00:05Z'),
      firstAtMs: Date.parse('2026-01-01T00:00:03Z'),
    });
  });

  it('tells the hash label that the cloud controller writes, once it has', async () => {
    expect((await sourceService()).hash).toBeNull();
    const where = { namespace, name: 'istio-ingressgateway' };
    const labels = { 'service.beta.kubernetes.io/hash': '0123abcd' };
    await world.clients
      .cluster('ack')
      .ask({ verb: 'patch', resource: 'services', ...where }, ({ core, mergePatch }) =>
        core.patchNamespacedService({ ...where, body: { metadata: { labels } } }, mergePatch),
      );
    expect((await sourceService()).hash).toBe('0123abcd');
  });

  it('names who wrote the weight last, also after kubectl annotate', async () => {
    await world.router.write(route, 'source', { weight: '90', overrides: {} }, 3);
    expect((await world.router.read(route)).source.carrier).toMatchObject({ writtenBy: 'sluice', fence: 3 });
    const folder = await mkdtemp(join(tmpdir(), 'sluice-kubectl-'));
    try {
      const file = join(folder, 'config');
      await writeFile(file, world.ack.kubeconfig, { mode: 0o600 });
      const kubectl = [
        '--kubeconfig',
        file,
        '-n',
        namespace,
        'annotate',
        '--overwrite',
        'service/istio-ingressgateway',
      ];
      await run('kubectl', [...kubectl, `${weightKey}=10`]).catch((error: unknown) => {
        throw new Error('kubectl is needed: install the package kubernetes-client', { cause: error });
      });
    } finally {
      await rm(folder, { recursive: true });
    }
    expect((await world.router.read(route)).source.carrier).toMatchObject({
      weight: '10',
      writtenBy: 'kubectl-annotate',
    });
  });
});

describe('a target that is not whole', () => {
  it('reads as a Service without annotations where the ASM controller has not made it yet', async () => {
    world.ack.model.remove('services', { namespace, name: 'istio-ingressgateway-asm' }, { now: Date.now() });
    const { target } = await world.router.read(route);
    expect(target.carrier).not.toBeNull();
    expect(target.services).toMatchObject([
      { name: 'istio-ingressgateway-asm', clusterId, annotations: null, readyPods: 0 },
    ]);
    expect(target.services[0]).not.toHaveProperty('isUnknown');
  });

  it('has an unknown Service, and not one without backends, in a cluster whose API server gives no answer', async () => {
    putGateway(world.asm, { clusterIds: [clusterId, 'c-second'] });
    const { target } = await world.withSecondCluster('c-second').read(route);
    expect(target.services).toMatchObject([
      { clusterId, weight: '0' },
      { clusterId: 'c-second', isUnknown: true },
    ]);
    expect(target.services[0]).not.toHaveProperty('isUnknown');
  });

  it.each(['error', 'drop', 'stall'] as const)(
    'has no carrier while the mesh API has a %s, but still its Services',
    async (kind) => {
      world.faults.put([{ where: 'asm', kind }]);
      const { source, target } = await world.router.read(route);
      expect(source.carrier?.weight).toBe('100');
      expect(target.carrier).toBeNull();
      expect(target.services).toMatchObject([{ name: 'istio-ingressgateway-asm', weight: '0' }]);
    },
  );

  it('is an error for good where the gateway is not there', async () => {
    const target = { ...route.target, name: 'nowhere' };
    await expect(world.router.read({ ...route, target })).rejects.toThrow(
      new TerminalError('mesh asm: get istiogateways istio-system/nowhere: not found (404)'),
    );
  });

  it('is an error for good where it names a cluster that nobody configured', async () => {
    putGateway(world.asm, { clusterIds: [clusterId, 'c-unknown'] });
    await expect(world.router.read(route)).rejects.toThrow(/no cluster with id c-unknown/);
  });

  it('does not hide that the source gives no answer', async () => {
    world.faults.put([{ where: 'ack', kind: 'error', status: 503 }]);
    await expect(world.router.read(route)).rejects.toBeInstanceOf(TransientError);
  });
});

describe('discovering a side', () => {
  it('finds every Service of the same pods that has a CLB', async () => {
    const spec = { selector: { app: 'istio-ingressgateway' } };
    putService(world.ack, 'istio-ingressgateway-internal', { ...cloudAnnotations }, spec);
    putService(world.ack, 'istio-ingressgateway-metrics', {}, spec);
    putService(world.ack, 'istio-ingressgateway-inside', { ...cloudAnnotations }, { ...spec, type: 'ClusterIP' });
    putService(
      world.ack,
      'istio-ingressgateway-nlb',
      { ...cloudAnnotations },
      { ...spec, loadBalancerClass: 'alibabacloud.com/nlb' },
    );
    const found = await world.router.discover(route.source);
    expect(found.map(({ name }) => name).sort()).toEqual(['istio-ingressgateway', 'istio-ingressgateway-internal']);
    expect(found[0]?.annotations).toMatchObject(cloudAnnotations);
  });

  it('finds the Services behind a gateway of the mesh', async () => {
    putService(world.ack, 'istio-ingressgateway-asm-2', cloudAnnotations, {
      selector: { app: 'istio-ingressgateway-asm' },
    });
    const found = await world.router.discover(route.target);
    expect(found.map(({ name }) => name).sort()).toEqual(['istio-ingressgateway-asm', 'istio-ingressgateway-asm-2']);
  });

  it('finds nothing where the ASM controller has made nothing yet, and says where a Service is not there', async () => {
    world.ack.model.remove('services', { namespace, name: 'istio-ingressgateway-asm' }, { now: Date.now() });
    expect(await world.router.discover(route.target)).toEqual([]);
    await expect(world.router.discover({ ...route.source, name: 'nope' })).rejects.toThrow(
      new TerminalError('Service ack/istio-system/nope does not exist'),
    );
  });
});
