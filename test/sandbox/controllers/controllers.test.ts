import { afterEach, describe, expect, it } from 'vitest';
import { serverIdAt } from '../../../src/sandbox/addresses.ts';
import { hashLabel, loadBalancerLabel } from '../../../src/sandbox/controllers/cloud-annotations.ts';
import { eniIdOf } from '../../../src/sandbox/controllers/eni.ts';
import { appliedKey } from '../../../src/sandbox/controllers/gateway-service.ts';
import { type Live, type LiveOptions, startLive } from './live-sandbox.ts';

const source = 'istio-ingressgateway';
const target = 'istio-ingressgateway-asm';
const weightKey = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-weight';
const started: Live[] = [];

async function live(options: LiveOptions = {}): Promise<Live> {
  const one = await startLive(options);
  started.push(one);
  await one.idle();
  return one;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.stop()));
});

describe('both controllers on the loopback API servers', () => {
  it('settle with all traffic at the source and the target attached with weight 0', async () => {
    const sandbox = await live();
    for (const group of ['rsp-pub-80', 'rsp-pub-443']) {
      expect(sandbox.weights(source, group)).toEqual([33, 33, 33]);
      expect(sandbox.weights(target, group)).toEqual([0, 0, 0]);
    }
    for (const backend of sandbox.backends())
      expect(backend).toMatchObject({ serverId: eniIdOf(backend.serverIp), type: 'eni', port: 8080 });
    const service = await sandbox.service(target);
    expect(service.metadata?.labels).toMatchObject({
      [loadBalancerLabel]: 'lb-public',
      istio: 'ingressgateway-asm',
      provider: 'asm',
    });
    expect(service.status?.loadBalancer?.ingress).toMatchObject([{ ip: '198.51.100.10' }]);
    expect((await sandbox.gateway()).status).toEqual({
      Status: 'Ready',
      GatewayAddress: ['198.51.100.10'],
      ClusterIdGatewayAddressMap: [{ clusterId: 'c-live', ipAddress: '198.51.100.10' }],
    });
  });

  it('bring a weight on the source Service to the load balancer, with a new hash and its events', async () => {
    const sandbox = await live();
    const hash = (await sandbox.service(source)).metadata?.labels?.[hashLabel];
    await sandbox.annotate(source, 'weight', '9');
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([3, 3, 3]);
    expect(sandbox.weights(source, 'rsp-pub-443')).toEqual([3, 3, 3]);
    expect((await sandbox.service(source)).metadata?.labels?.[hashLabel]).not.toBe(hash);
    const [changed] = await sandbox.events('AnnotationChanged');
    expect(changed).toMatchObject({
      type: 'Normal',
      source: { component: 'service-controller' },
      involvedObject: { kind: 'Service', name: source },
    });
    expect(
      (await sandbox.events('EnsuredLoadBalancer')).find((event) => event.involvedObject.name === source),
    ).toMatchObject({
      message: 'Ensured load balancer [lb-public]',
      count: expect.any(Number),
    });
  });

  it('bring a weight on the IstioGateway through the Service to the load balancer', async () => {
    const sandbox = await live();
    await sandbox.setTargetWeight('30');
    await sandbox.idle();
    expect((await sandbox.service(target)).metadata?.annotations?.[weightKey]).toBe('30');
    expect(sandbox.weights(target)).toEqual([10, 10, 10]);
    expect((await sandbox.service(target)).metadata?.managedFields?.map((one) => one.manager)).toEqual(
      expect.arrayContaining(['asm-controller', 'cloud-controller-manager']),
    );
    await sandbox.setTargetWeight(null);
    await sandbox.idle();
    expect((await sandbox.service(target)).metadata?.annotations).not.toHaveProperty([weightKey]);
    expect(sandbox.weights(target)).toEqual([100, 100, 100]);
  });

  it('count equal events up instead of repeating them', async () => {
    const sandbox = await live();
    for (const weight of ['50', '51', '52']) {
      await sandbox.annotate(source, 'weight', weight);
      await sandbox.idle();
    }
    const changed = (await sandbox.events('AnnotationChanged')).filter((event) => event.involvedObject.name === source);
    expect(changed.map((event) => event.count)).toEqual([3]);
  });

  it('follow pods that come and go', async () => {
    const sandbox = await live();
    await sandbox.annotate(source, 'weight', '90');
    await sandbox.seeded.setBackends('source', 5);
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([18, 18, 18, 18, 18]);
    await sandbox.seeded.setBackends('source', 2);
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([45, 45]);
  });

  it.each(['cluster', 'local'] as const)('attach nodes by their NodePorts in %s mode', async (mode) => {
    const sandbox = await live({ mode, source: 2, target: 2 });
    const [first, second] = [0, 1].map((index) => serverIdAt(sandbox.addresses.node(index)));
    expect(
      sandbox
        .backends()
        .map((one) => [one.serverId, one.port, one.type, one.weight])
        .sort(),
    ).toEqual([
      [first, 30544, 'ecs', 50],
      [first, 30644, 'ecs', 0],
      [second, 30544, 'ecs', 50],
      [second, 30644, 'ecs', 0],
    ]);
    await sandbox.seeded.setBackends('source', 4);
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([25, 25, 25, 25]);
    expect(sandbox.weights(target)).toHaveLength(mode === 'cluster' ? 4 : 2);
  });
});

describe('a weight that is no integer, live', () => {
  it('2.14 takes the source out of the load balancer with a success event', async () => {
    const sandbox = await live({ version: '2.14' });
    // At the start both Services may have met at the load balancer's lock.
    const failures = async (): Promise<number> => (await sandbox.events('SyncLoadBalancerFailed')).length;
    const before = await failures();
    await sandbox.annotate(source, 'weight', '12.5');
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([]);
    expect(await failures()).toBe(before);
  });

  it('2.11 says SyncLoadBalancerFailed, changes nothing, and goes on when it is mended', async () => {
    const sandbox = await live({ version: '2.11' });
    await sandbox.annotate(source, 'weight', '12.5');
    await until(async () =>
      (await sandbox.events('SyncLoadBalancerFailed')).some((event) => event.message?.includes('got [12.5]')),
    );
    expect(sandbox.weights(source)).toEqual([33, 33, 33]);
    await sandbox.annotate(source, 'weight', '30');
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([10, 10, 10]);
  });
});

describe('a direct edit of the Service that the mesh owns', () => {
  it('stands until the gateway is reconciled again, and is then put back', async () => {
    const sandbox = await live();
    await sandbox.annotate(target, 'weight', '60');
    await sandbox.core.patchNamespacedService({
      namespace: 'istio-system',
      name: target,
      body: [{ op: 'add', path: '/metadata/annotations/theirs', value: 'kept' }],
    });
    await sandbox.idle();
    expect(sandbox.weights(target)).toEqual([20, 20, 20]);
    await sandbox.patchGateway({ metadata: { annotations: { touched: 'yes' } } });
    await sandbox.idle();
    expect(sandbox.weights(target)).toEqual([0, 0, 0]);
    expect((await sandbox.service(target)).metadata?.annotations).toMatchObject({ [weightKey]: '0', theirs: 'kept' });
  });

  it('stays where the mesh is told not to revert', async () => {
    const sandbox = await live({ revertsEdits: false });
    await sandbox.annotate(target, 'weight', '60');
    await sandbox.patchGateway({ metadata: { annotations: { touched: 'yes' } } });
    await sandbox.idle();
    expect(sandbox.weights(target)).toEqual([20, 20, 20]);
  });
});

describe('faults', () => {
  it('a stalled controller does nothing until the stall is lifted', async () => {
    const sandbox = await live();
    sandbox.faults.put([{ where: 'controller', kind: 'stall' }]);
    await sandbox.annotate(source, 'weight', '30');
    await sandbox.clock.sleep(20_000);
    expect(sandbox.weights(source)).toEqual([33, 33, 33]);
    sandbox.faults.clear();
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([10, 10, 10]);
  });

  it('a dropped event is never made up for, until the next one', async () => {
    const sandbox = await live();
    sandbox.faults.put([{ where: 'controller', kind: 'drop' }]);
    await sandbox.annotate(source, 'weight', '30');
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([33, 33, 33]);
    sandbox.faults.clear();
    await sandbox.annotate(source, 'x-nudge', '1');
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([10, 10, 10]);
  });

  it('a failing controller tries again after its backoff', async () => {
    const sandbox = await live();
    sandbox.faults.put([{ where: 'controller', kind: 'error' }]);
    await sandbox.annotate(source, 'weight', '30');
    await until(async () =>
      (await sandbox.events('SyncLoadBalancerFailed')).some((event) => event.involvedObject.name === source),
    );
    expect(sandbox.weights(source)).toEqual([33, 33, 33]);
    sandbox.faults.clear();
    await sandbox.idle();
    expect(sandbox.weights(source)).toEqual([10, 10, 10]);
  });

  it('a mesh that fails says so in the status of the gateway, and copies later', async () => {
    const sandbox = await live();
    sandbox.faults.put([{ where: 'mesh', kind: 'error' }]);
    await sandbox.setTargetWeight('30');
    await until(
      async () =>
        (await sandbox.gateway()).status !== undefined && 'ErrorMessage' in ((await sandbox.gateway()).status ?? {}),
    );
    expect(sandbox.weights(target)).toEqual([0, 0, 0]);
    sandbox.faults.clear();
    await sandbox.idle();
    expect(sandbox.weights(target)).toEqual([10, 10, 10]);
    expect((await sandbox.gateway()).status).toMatchObject({ Status: 'Ready' });
    expect((await sandbox.gateway()).status).not.toHaveProperty('ErrorMessage');
  });

  it('cut watches and a broken API server are survived, and nothing is missed', async () => {
    const sandbox = await live();
    sandbox.faults.put([{ where: 'ack', kind: 'drop' }]);
    // The four mirrors of this API server have lost their watches and cannot list.
    await until(async () => sandbox.log.filter((line) => line.startsWith('/api')).length >= 4);
    sandbox.faults.clear();
    await sandbox.annotate(source, 'weight', '30');
    await sandbox.setTargetWeight('60');
    await sandbox.idle();
    expect([sandbox.weights(source), sandbox.weights(target)]).toEqual([
      [10, 10, 10],
      [20, 20, 20],
    ]);
  });
});

describe('a gateway that leaves the cluster', () => {
  it('takes its Service and its backends with it, and leaves the source', async () => {
    const sandbox = await live();
    expect((await sandbox.service(target)).metadata?.annotations).toHaveProperty([appliedKey]);
    await sandbox.patchGateway({ spec: { clusterIds: [] } });
    await sandbox.idle();
    await expect(sandbox.service(target)).rejects.toMatchObject({ code: 404 });
    expect(sandbox.weights(target)).toEqual([]);
    expect(sandbox.weights(source)).toEqual([33, 33, 33]);
  });
});

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it did not become so');
}
