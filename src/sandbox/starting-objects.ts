import type { V1Deployment, V1EndpointSlice, V1Node, V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import type { BackendMode } from '../domain/backend-weights.ts';
import { type SandboxAddresses, type Side, serverIdAt } from './addresses.ts';
import { type LoadBalancer, listenerOf, loadBalancerOf } from './clb/load-balancer.ts';
import { selectorOf } from './controllers/gateway-service.ts';
import type { Manifest } from './manifests.ts';

// What stands there before a migration, as plain values; seeding.ts puts them into the servers.

export const gatewayNamespace = 'istio-system';

/** The cluster id in examples/manifests/target-gateway.yaml. */
export const sandboxClusterId = 'c7a1f0b2d9e34c58';

export const regionId = 'cn-hangzhou';
/** The account that everything is in. */
export const accountId = '1234567890123456';

/** Deployments of the gateways, the Services in front of them, and the labels of their pods. */
export const gateways: Readonly<
  Record<
    Side,
    {
      readonly deployment: string;
      readonly services: readonly string[];
      readonly labels: Readonly<Record<string, string>>;
    }
  >
> = {
  source: {
    deployment: 'istio-ingressgateway',
    services: ['istio-ingressgateway', 'istio-ingressgateway-internal'],
    labels: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
  },
  target: {
    deployment: 'istio-ingressgateway-asm',
    services: ['istio-ingressgateway-asm', 'istio-ingressgateway-asm-2'],
    labels: selectorOf('ingressgateway-asm'),
  },
};

const backendTypeKey = 'service.beta.kubernetes.io/backend-type';

/** The load balancers: public with 80 (http) and 443 (https), and the internal one where asked for. */
export function startingLoadBalancers(internal: boolean): readonly LoadBalancer[] {
  const publicOne = loadBalancerOf({
    id: 'lb-public',
    name: 'shop-public',
    address: '198.51.100.10',
    listeners: [
      listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-pub-80' }),
      listenerOf({ port: 443, protocol: 'https', vServerGroupId: 'rsp-pub-443' }),
    ],
    groups: [
      { id: 'rsp-pub-80', name: 'shop-http', backends: [] },
      { id: 'rsp-pub-443', name: 'shop-https', backends: [] },
    ],
  });
  const internalOne = loadBalancerOf({
    id: 'lb-internal',
    name: 'shop-internal',
    address: '10.20.0.10',
    addressType: 'intranet',
    listeners: [listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-int-80' })],
    groups: [{ id: 'rsp-int-80', name: 'shop-internal-http', backends: [] }],
  });
  return internal ? [publicOne, internalOne] : [publicOne];
}

/** A Service or IstioGateway of the examples with the backend type and traffic policy of a mode. */
export function inMode(manifest: Manifest, mode: BackendMode): Manifest {
  const type = { [backendTypeKey]: mode === 'eni' ? 'eni' : 'ecs' };
  const spec = { ...manifest.spec, externalTrafficPolicy: mode === 'local' ? 'Local' : 'Cluster' };
  if (manifest.kind === 'IstioGateway') {
    const annotations = manifest.spec?.['serviceAnnotations'];
    return { ...manifest, spec: { ...spec, serviceAnnotations: { ...(annotations as object | undefined), ...type } } };
  }
  return {
    ...manifest,
    metadata: { ...manifest.metadata, annotations: { ...manifest.metadata.annotations, ...type } },
    spec,
  };
}

export function nodeName(index: number): string {
  return `worker-${index + 1}`;
}

/** A Ready node; its conditions go in through the status subresource. */
export function nodeAt(addresses: SandboxAddresses, index: number, nowMs: number): V1Node {
  const at = new Date(nowMs);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: nodeName(index),
      labels: {
        'kubernetes.io/hostname': nodeName(index),
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/region': regionId,
      },
    },
    spec: { providerID: `${regionId}.${serverIdAt(addresses.node(index))}` },
    status: {
      addresses: [
        { type: 'InternalIP', address: addresses.node(index) },
        { type: 'Hostname', address: nodeName(index) },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: at,
          lastTransitionTime: at,
        },
      ],
    },
  };
}

/** The ready pods of a side behind one of its Services, one a node in turn. */
export function sliceOf(
  service: string,
  side: Side,
  pods: number,
  nodes: number,
  addresses: SandboxAddresses,
): V1EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${service}-sandbox`,
      namespace: gatewayNamespace,
      labels: {
        'kubernetes.io/service-name': service,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    ports: [
      { name: 'http2', port: 8080, protocol: 'TCP' },
      ...(isInternal(service) ? [] : [{ name: 'https', port: 8443, protocol: 'TCP' }]),
    ],
    endpoints: Array.from({ length: pods }, (_, index) => ({
      addresses: [addresses.pod(side, index)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: nodeName(index % nodes),
      targetRef: { kind: 'Pod', namespace: gatewayNamespace, name: `${gateways[side].deployment}-${index + 1}` },
    })),
  };
}

function isInternal(service: string): boolean {
  return service === gateways.source.services[1] || service === gateways.target.services[1];
}

export function deploymentOf(side: Side, replicas: number): V1Deployment {
  const { deployment, labels } = gateways[side];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: deployment, namespace: gatewayNamespace, labels: { ...labels } },
    spec: {
      replicas,
      selector: { matchLabels: { ...labels } },
      template: {
        metadata: { labels: { ...labels } },
        spec: {
          containers: [
            {
              name: 'istio-proxy',
              image: 'sandbox/gateway:1',
              ports: [{ containerPort: 8080 }, { containerPort: 8443 }],
            },
          ],
        },
      },
    },
    status: {
      replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      updatedReplicas: replicas,
      observedGeneration: 1,
    },
  };
}

/** Never below the present size: a source that shrinks while its traffic leaves could not take it back (reference E33). */
export function autoscalerOf(side: Side, replicas: number): V2HorizontalPodAutoscaler {
  const { deployment } = gateways[side];
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: deployment, namespace: gatewayNamespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment },
      minReplicas: Math.max(1, replicas),
      maxReplicas: Math.max(2, 2 * replicas),
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
      ],
    },
    status: { currentReplicas: replicas, desiredReplicas: replicas, conditions: [] },
  };
}
