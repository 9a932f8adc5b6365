import {
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  CustomObjectsApi,
  DiscoveryV1Api,
  KubeConfig,
} from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BackendMode } from '../../src/domain/backend-weights.ts';
import {
  addressOfBackend,
  nodePorts,
  podPorts,
  type SandboxAddresses,
  serverIdAt,
  takeAddresses,
} from '../../src/sandbox/addresses.ts';
import { ClbModel } from '../../src/sandbox/clb/model.ts';
import { sandboxClock } from '../../src/sandbox/clock.ts';
import { Faults } from '../../src/sandbox/faults.ts';
import { ackResources, asmResources } from '../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../src/sandbox/kubernetes/server.ts';
import { readManifest } from '../../src/sandbox/manifests.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { type Seeded, seed, seedOtherCluster } from '../../src/sandbox/seeding.ts';
import { sandboxClusterId } from '../../src/sandbox/starting-objects.ts';

const clock = sandboxClock(1);
const faults = new Faults(seededRandom(1), () => clock.now());
const files = {
  'source-services.yaml': 'Service istio-system/istio-ingressgateway',
  'source-service-internal.yaml': 'Service istio-system/istio-ingressgateway-internal',
  'target-gateway.yaml': 'IstioGateway istio-system/ingressgateway-asm',
  'target-service-internal.yaml': 'Service istio-system/istio-ingressgateway-asm-2',
  'gateway.yaml': 'Gateway default/bookinfo-gateway',
  'gateway-asm.yaml': 'Gateway default/bookinfo-gateway',
  'virtual-service.yaml': 'VirtualService default/bookinfo',
  'destination-rule.yaml': 'DestinationRule default/productpage',
  'reviews-service.yaml': 'Service default/reviews',
  'reviews-destination-rule.yaml': 'DestinationRule default/reviews',
};

let ack: ApiServer;
let asm: ApiServer;
let clb: ClbModel;
const taken: SandboxAddresses[] = [];

beforeEach(async () => {
  ack = await startApiServer({ name: 'ack', place: 'ack', serves: ackResources, clock, faults });
  asm = await startApiServer({ name: 'asm', place: 'asm', serves: asmResources, clock, faults });
  clb = new ClbModel({ random: seededRandom(1) });
});

afterEach(async () => {
  await Promise.all([ack.stop(), asm.stop(), ...taken.splice(0).map((addresses) => addresses.release())]);
});

async function take(mode: BackendMode, source: number, target: number, at = 1): Promise<SandboxAddresses> {
  const addresses = await takeAddresses({ random: seededRandom(at), mode, backends: { source, target } });
  taken.push(addresses);
  return addresses;
}

async function seeded(
  mode: BackendMode,
  source: number,
  target: number,
  internal = false,
): Promise<Seeded & { addresses: SandboxAddresses }> {
  const addresses = await take(mode, source, target);
  const options = {
    ack: ack.kubeconfig,
    asm: asm.kubeconfig,
    clb,
    clusterId: 'c-test',
    mode,
    addresses,
    internal,
    now: () => clock.now(),
  };
  return { ...(await seed({ ...options, sourceBackends: source, targetBackends: target })), addresses };
}

function client<T>(server: ApiServer, api: new (...args: never[]) => T): T {
  const config = new KubeConfig();
  config.loadFromString(server.kubeconfig);
  return config.makeApiClient(api as never) as T;
}

async function endpoints(service: string): Promise<readonly (readonly [string, string | undefined])[]> {
  const { items } = await client(ack, DiscoveryV1Api).listNamespacedEndpointSlice({
    namespace: 'istio-system',
    labelSelector: `kubernetes.io/service-name=${service}`,
  });
  return items.flatMap((slice) => slice.endpoints ?? []).map((one) => [one.addresses[0] ?? '', one.nodeName] as const);
}

describe('the example manifests', () => {
  it.each(Object.entries(files))('%s is %s', async (file, expected) => {
    const { kind, metadata } = await readManifest(file);
    expect(`${kind} ${metadata.namespace}/${metadata.name}`).toBe(expected);
  });

  it('give the target the same groups as the source, no space in them, and no traffic', async () => {
    const source = (await readManifest('source-services.yaml')).metadata.annotations ?? {};
    const target = (await readManifest('target-gateway.yaml')).spec?.['serviceAnnotations'] as Record<string, string>;
    const key = (suffix: string): string => `service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`;
    for (const suffix of ['id', 'vgroup-port', 'force-override-listeners'])
      expect(target[key(suffix)]).toBe(source[key(suffix)]);
    expect(source[key('vgroup-port')]).toBe('rsp-pub-80:80,rsp-pub-443:443');
    expect([source[key('weight')], target[key('weight')]]).toEqual(['100', '0']);
    expect((await readManifest('target-gateway.yaml')).spec?.['clusterIds']).toEqual([sandboxClusterId]);
  });

  it('name the ports that the gateways of the sandbox listen on', async () => {
    const portsOf = async (file: string): Promise<{ nodePort: number; targetPort: number }[]> =>
      (await readManifest(file)).spec?.['ports'] as { nodePort: number; targetPort: number }[];
    for (const side of ['source', 'target'] as const) {
      const main = await portsOf(side === 'source' ? 'source-services.yaml' : 'target-gateway.yaml');
      const internal = await portsOf(`${side}-service-internal.yaml`);
      expect([...main, ...internal].map((port) => port.nodePort)).toEqual(nodePorts[side]);
      expect(main.map((port) => port.targetPort)).toEqual(podPorts);
    }
  });
});

describe('the addresses of a sandbox', () => {
  it('are loopback, differ between sandboxes of one seed, and come back after release', async () => {
    const one = await take('eni', 3, 3);
    const two = await take('eni', 3, 3);
    expect(one.pod('source', 0)).toMatch(/^127\.\d+\.\d+\.1$/);
    expect(two.pod('source', 0)).not.toBe(one.pod('source', 0));
    await Promise.all(taken.splice(0).map((addresses) => addresses.release()));
    expect((await take('eni', 3, 3)).pod('source', 0)).toBe(one.pod('source', 0));
  });

  it('lead from a backend of the load balancer to where its gateway listens', async () => {
    const addresses = await take('cluster', 2, 2);
    const node = addressOfBackend({ serverId: serverIdAt(addresses.node(1)), serverIp: '' });
    expect(addresses.listens('target', 'cluster', 2)).toContainEqual({ address: node, port: 30644 });
    expect(addressOfBackend({ serverId: 'eni-1', serverIp: addresses.pod('source', 0) })).toBe(
      addresses.pod('source', 0),
    );
    expect(addressOfBackend({ serverId: 'i-elsewhere', serverIp: '' })).toBeNull();
  });
});

describe('the state before a migration', () => {
  it('has the source with its pods, the gateway of the target, and the pods of a Service that is not there yet', async () => {
    const { addresses } = await seeded('eni', 3, 2);
    const services = await client(ack, CoreV1Api).listNamespacedService({ namespace: 'istio-system' });
    expect(services.items.map((service) => service.metadata?.name)).toEqual(['istio-ingressgateway']);
    expect((await endpoints('istio-ingressgateway')).map(([address]) => address)).toEqual(
      [0, 1, 2].map((index) => addresses.pod('source', index)),
    );
    expect((await endpoints('istio-ingressgateway-asm')).map(([address]) => address)).toEqual(
      [0, 1].map((index) => addresses.pod('target', index)),
    );
    const gateway = await client(asm, CustomObjectsApi).getNamespacedCustomObject({
      group: 'istio.alibabacloud.com',
      version: 'v1beta1',
      namespace: 'istio-system',
      plural: 'istiogateways',
      name: 'ingressgateway-asm',
    });
    expect(gateway).toMatchObject({
      spec: {
        clusterIds: ['c-test'],
        replicaCount: 2,
        serviceAnnotations: { 'service.beta.kubernetes.io/backend-type': 'eni' },
      },
    });
    expect(
      clb
        .loadBalancers(0)
        .map((one) => [
          one.id,
          one.listeners.map((listener) => [
            listener.port,
            listener.protocol,
            listener.scheduler,
            listener.vServerGroupId,
          ]),
        ]),
    ).toEqual([
      [
        'lb-public',
        [
          [80, 'http', 'wrr', 'rsp-pub-80'],
          [443, 'https', 'wrr', 'rsp-pub-443'],
        ],
      ],
    ]);
  });

  it('has ready nodes, and Deployments that no autoscaler may shrink', async () => {
    await seeded('eni', 3, 2);
    const nodes = await client(ack, CoreV1Api).listNode();
    expect(nodes.items.map((node) => node.status?.conditions?.find((one) => one.type === 'Ready')?.status)).toEqual([
      'True',
      'True',
      'True',
    ]);
    const deployments = await client(ack, AppsV1Api).listNamespacedDeployment({ namespace: 'istio-system' });
    expect(deployments.items.map((one) => [one.metadata?.name, one.spec?.replicas, one.status?.readyReplicas])).toEqual(
      [
        ['istio-ingressgateway', 3, 3],
        ['istio-ingressgateway-asm', 2, 2],
      ],
    );
    const scalers = await client(ack, AutoscalingV2Api).listNamespacedHorizontalPodAutoscaler({
      namespace: 'istio-system',
    });
    expect(scalers.items.map((one) => [one.metadata?.name, one.spec?.minReplicas])).toEqual([
      ['istio-ingressgateway', 3],
      ['istio-ingressgateway-asm', 2],
    ]);
  });

  it('has a second load balancer with a Service of each side where asked for', async () => {
    await seeded('eni', 1, 1, true);
    const services = await client(ack, CoreV1Api).listNamespacedService({ namespace: 'istio-system' });
    expect(services.items.map((service) => service.metadata?.name).sort()).toEqual([
      'istio-ingressgateway',
      'istio-ingressgateway-asm-2',
      'istio-ingressgateway-internal',
    ]);
    expect(clb.loadBalancers(0).map((one) => [one.id, one.addressType])).toEqual([
      ['lb-public', 'internet'],
      ['lb-internal', 'intranet'],
    ]);
    expect(await endpoints('istio-ingressgateway-internal')).toHaveLength(1);
  });

  it('has a ready pod of each version of reviews, its subsets by name, and no route to any of them', async () => {
    const { addresses } = await seeded('eni', 3, 2);
    const pods = await client(ack, CoreV1Api).listNamespacedPod({ namespace: 'default', labelSelector: 'app=reviews' });
    expect(
      pods.items.map(({ metadata, status }) => [
        metadata?.name,
        metadata?.labels?.['version'],
        status?.podIP,
        status?.conditions?.find(({ type }) => type === 'Ready')?.status,
      ]),
    ).toEqual(['v1', 'v2', 'v3'].map((one, at) => [`reviews-${one}`, one, addresses.workload(at), 'True']));
    const slices = await client(ack, DiscoveryV1Api).listNamespacedEndpointSlice({ namespace: 'default' });
    expect(slices.items.flatMap(({ endpoints = [] }) => endpoints.map((one) => one.targetRef?.name))).toEqual([
      'reviews-v1',
      'reviews-v2',
      'reviews-v3',
    ]);
    const service = await client(ack, CoreV1Api).readNamespacedService({ namespace: 'default', name: 'reviews' });
    expect(service.spec).toMatchObject({ type: 'ClusterIP', ports: [{ port: 9080 }], selector: { app: 'reviews' } });
    const istio = { group: 'networking.istio.io', version: 'v1beta1', namespace: 'default' };
    const rules = client(asm, CustomObjectsApi);
    expect(
      await rules.getNamespacedCustomObject({ ...istio, plural: 'destinationrules', name: 'reviews' }),
    ).toMatchObject({ spec: { host: 'reviews', subsets: [{ name: 'v1' }, { name: 'v2' }, { name: 'v3' }] } });
    const { items } = (await rules.listNamespacedCustomObject({ ...istio, plural: 'virtualservices' })) as {
      items: { metadata: { name: string } }[];
    };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['bookinfo']);
  });

  it.each([
    ['eni', 'Cluster', 'eni'],
    ['cluster', 'Cluster', 'ecs'],
    ['local', 'Local', 'ecs'],
  ] as const)('in %s mode has the traffic policy %s and the backend type %s', async (mode, policy, type) => {
    await seeded(mode, 2, 2);
    const service = await client(ack, CoreV1Api).readNamespacedService({
      namespace: 'istio-system',
      name: 'istio-ingressgateway',
    });
    expect(service.spec?.externalTrafficPolicy).toBe(policy);
    expect(service.metadata?.annotations?.['service.beta.kubernetes.io/backend-type']).toBe(type);
  });

  it('refuses different counts in cluster mode', async () => {
    await expect(seeded('cluster', 3, 2)).rejects.toThrow(
      'in cluster mode both sides share the nodes: 3 and 2 backends cannot be',
    );
  });
});

describe('backends that come and go', () => {
  it('change the pods of one side in eni mode', async () => {
    const { setBackends, addresses } = await seeded('eni', 2, 2);
    await setBackends('target', 4);
    expect((await endpoints('istio-ingressgateway-asm')).map(([address]) => address)).toEqual(
      [0, 1, 2, 3].map((index) => addresses.pod('target', index)),
    );
    expect(await endpoints('istio-ingressgateway')).toHaveLength(2);
    await setBackends('target', 0);
    expect(await endpoints('istio-ingressgateway-asm')).toEqual([]);
  });

  it.each([
    ['local', 3, 2],
    ['cluster', 3, 3],
  ] as const)('bring nodes along in %s mode', async (mode, source, target) => {
    const { setBackends } = await seeded(mode, 2, 2);
    await setBackends('source', 3);
    const names = async (): Promise<unknown> =>
      (await client(ack, CoreV1Api).listNode()).items.map((node) => node.metadata?.name);
    expect(await names()).toEqual(['worker-1', 'worker-2', 'worker-3']);
    expect(
      [await endpoints('istio-ingressgateway'), await endpoints('istio-ingressgateway-asm')].map((list) => list.length),
    ).toEqual([source, target]);
    await setBackends('source', 1);
    expect(await names()).toEqual(mode === 'local' ? ['worker-1', 'worker-2'] : ['worker-1']);
  });
});

describe('a second cluster of the target gateway', () => {
  it('gets nodes and pods of the target, with server ids of its own, and stands in clusterIds', async () => {
    const other = await startApiServer({ name: 'other', place: 'ack', serves: ackResources, clock, faults });
    try {
      const addresses = await take('cluster', 2, 2);
      const elsewhere = await take('cluster', 0, 2, 2);
      await seed({
        ack: ack.kubeconfig,
        asm: asm.kubeconfig,
        clb,
        clusterId: 'c-test',
        mode: 'cluster',
        sourceBackends: 2,
        targetBackends: 2,
        addresses,
        otherClusterIds: ['c-other'],
        now: () => clock.now(),
      });
      await seedOtherCluster({
        kubeconfig: other.kubeconfig,
        mode: 'cluster',
        targetBackends: 2,
        addresses: elsewhere,
        reviews: ['v3'],
        now: () => clock.now(),
      });
      const nodes = await client(other, CoreV1Api).listNode();
      expect(nodes.items.map((node) => node.spec?.providerID)).toEqual(
        [0, 1].map((index) => `cn-hangzhou.${serverIdAt(elsewhere.node(index))}`),
      );
      expect(serverIdAt(elsewhere.node(0))).not.toBe(serverIdAt(addresses.node(0)));
      const versions = async (server: ApiServer): Promise<unknown> =>
        (await client(server, CoreV1Api).listNamespacedPod({ namespace: 'default' })).items.map(
          ({ metadata }) => metadata?.labels?.['version'],
        );
      expect([await versions(ack), await versions(other)]).toEqual([['v1', 'v2'], ['v3']]);
      const gateways = await client(asm, CustomObjectsApi).listCustomObjectForAllNamespaces({
        group: 'istio.alibabacloud.com',
        version: 'v1beta1',
        plural: 'istiogateways',
      });
      expect(gateways).toMatchObject({ items: [{ spec: { clusterIds: ['c-test', 'c-other'] } }] });
    } finally {
      await other.stop();
    }
  });
});
