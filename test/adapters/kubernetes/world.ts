import { type KubernetesClients, kubernetesClients } from '../../../src/adapters/kubernetes/clients.ts';
import { kubernetesRouter } from '../../../src/adapters/kubernetes/router.ts';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import { annotationKey } from '../../../src/domain/annotations.ts';
import type { Route } from '../../../src/domain/spec.ts';
import type { TrafficRouter } from '../../../src/ports/traffic-router.ts';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { type ApiServer, ackResources, asmResources, startApiServer } from '../../../src/sandbox/kubernetes/server.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

export const clusterId = 'c0123456789';
export const namespace = 'istio-system';
export const weightKey = annotationKey('weight');
export const legacyWeightKey = weightKey.replace('alibaba-cloud', 'alicloud');

/** Two API servers of the sandbox with the gateways of the product's source documents, and a router on the real clients. */
export interface World {
  readonly ack: ApiServer;
  readonly asm: ApiServer;
  readonly faults: Faults;
  readonly clients: KubernetesClients;
  readonly router: TrafficRouter;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly userAgent: string }[];
  /** A router whose ACK kubeconfig is another one: another token, or none that works. */
  withAckKubeconfig(yaml: string, timeoutMs?: number): TrafficRouter;
  /** A router that knows a second cluster of this id, where nothing listens. */
  withSecondCluster(id: string): TrafficRouter;
  stop(): Promise<void>;
}

export const limitedToken = 'reader-token-4711';

export async function startWorld(): Promise<World> {
  const clock = sandboxClock(1);
  const faults = new Faults(seededRandom(1), clock.now);
  const requests: { method: string; path: string; userAgent: string }[] = [];
  const onRequest = (request: { method: string; path: string; userAgent: string }) => void requests.push(request);
  const tokens = {
    [limitedToken]: [{ verbs: ['get', 'list'], apiGroups: ['*'], resources: ['services', 'endpointslices'] }],
  };
  const common = { clock, faults, onRequest };
  const ack = await startApiServer({ ...common, name: 'ack', place: 'ack', serves: ackResources, tokens });
  const asm = await startApiServer({ ...common, name: 'asm', place: 'asm', serves: asmResources });
  seed(ack, asm);
  const opened: KubernetesClients[] = [];
  const open = (ackYaml: string, timeoutMs = 500, second: string | null = null): KubernetesClients => {
    const clients = kubernetesClients({
      clusters: {
        ack: { id: clusterId, kubeconfig: 'env:ACK' },
        ...(second === null ? {} : { second: { id: second, kubeconfig: 'env:SECOND' } }),
      },
      meshes: { asm: { kubeconfig: 'env:ASM' } },
      env: {
        ACK: ackYaml,
        ASM: asm.kubeconfig,
        SECOND: ack.kubeconfig.replace(/(server: https:\/\/127\.0\.0\.1):\d+/, '$1:1'),
      },
      clock: systemClock(),
      timeoutMs,
    });
    opened.push(clients);
    return clients;
  };
  const routerOf = (clients: KubernetesClients) => kubernetesRouter(clients, { namespaces: [namespace] });
  const clients = open(ack.kubeconfig);
  return {
    ack,
    asm,
    faults,
    clients,
    router: routerOf(clients),
    requests,
    withAckKubeconfig: (yaml, timeoutMs) => routerOf(open(yaml, timeoutMs)),
    withSecondCluster: (id) => routerOf(open(ack.kubeconfig, 500, id)),
    stop: async () => {
      for (const one of opened) one.close();
      await ack.stop();
      await asm.stop();
    },
  };
}

export const route: Route = {
  loadBalancer: 'lb-public',
  source: { kind: 'service', cluster: 'ack', namespace, name: 'istio-ingressgateway' },
  target: { kind: 'gateway', mesh: 'asm', namespace, name: 'ingressgateway-asm' },
  ports: [
    { port: 80, group: 'rsp-pub-80' },
    { port: 443, group: 'rsp-pub-443' },
  ],
};

export const cloudAnnotations = {
  [annotationKey('id')]: 'lb-public',
  [annotationKey('vgroup-port')]: 'rsp-pub-80:80,rsp-pub-443:443',
  [annotationKey('force-override-listeners')]: 'false',
};

function seed(ack: ApiServer, asm: ApiServer): void {
  const now = Date.now();
  for (const { model } of [ack, asm]) {
    model.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, now);
  }
  putService(ack, 'istio-ingressgateway', { ...cloudAnnotations, [weightKey]: '100' });
  putService(ack, 'istio-ingressgateway-asm', { ...cloudAnnotations, [weightKey]: '0' });
  putSlice(ack, 'istio-ingressgateway', ['10.0.1.1', '10.0.1.2', '10.0.1.3']);
  putSlice(ack, 'istio-ingressgateway-asm', ['10.0.2.1', '10.0.2.2']);
  putGateway(asm, { serviceAnnotations: { ...cloudAnnotations, [weightKey]: '0' } });
}

export function putService(server: ApiServer, name: string, annotations: object, spec: object = {}): void {
  const ports = [
    { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
    { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
  ];
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, annotations: { ...annotations }, labels: { team: 'shop' } },
    spec: { type: 'LoadBalancer', selector: { app: name }, ports, ...spec },
  };
  server.model.put('services', object as never, Date.now());
}

export interface Pod {
  readonly address: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly terminating?: boolean;
}

export function putSlice(server: ApiServer, service: string, pods: readonly (string | Pod)[]): void {
  const endpoints = pods.map((pod) => {
    const {
      address,
      node,
      ready = true,
      terminating = false,
    } = typeof pod === 'string' ? ({ address: pod } as Pod) : pod;
    return {
      addresses: [address],
      conditions: { ready, serving: ready, terminating },
      ...(node === undefined ? {} : { nodeName: node }),
    };
  });
  const object = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints,
    ports: [
      { name: 'http2', port: 8080, protocol: 'TCP' },
      { name: 'https', port: 8443, protocol: 'TCP' },
    ],
  };
  server.model.put('endpointslices', object as never, Date.now());
}

export function putNode(
  server: ApiServer,
  name: string,
  changes: { labels?: object; spec?: object; ready?: boolean } = {},
): void {
  const object = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...changes.labels } },
    spec: { providerID: `cn-hangzhou.i-${name}`, ...changes.spec },
    status: { conditions: [{ type: 'Ready', status: changes.ready === false ? 'False' : 'True' }] },
  };
  server.model.put('nodes', object as never, Date.now());
}

export function putGateway(server: ApiServer, spec: object, name = 'ingressgateway-asm'): void {
  const object = {
    apiVersion: 'istio.alibabacloud.com/v1beta1',
    kind: 'IstioGateway',
    metadata: { name, namespace },
    spec: { gatewayType: 'ingress', clusterIds: [clusterId], replicaCount: 2, ...spec },
  };
  server.model.put('istiogateways', object as never, Date.now());
}

export function service(world: World, name = 'istio-ingressgateway') {
  return structuredClone(world.ack.model.get('services', { namespace, name }));
}

export function gateway(world: World, name = 'ingressgateway-asm') {
  return structuredClone(world.asm.model.get('istiogateways', { namespace, name }));
}
