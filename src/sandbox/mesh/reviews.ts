import type { KubernetesObject, V1EndpointSlice, V1Pod, V1ServiceAccount } from '@kubernetes/client-node';
import type { SandboxAddresses } from '../addresses.ts';
import { nodeName } from '../starting-objects.ts';

// Bookinfo's reviews as plain values (seed 004); its Service and DestinationRule are among the example manifests.

export const reviewsVersions = ['v1', 'v2', 'v3'] as const;
export type ReviewsVersion = (typeof reviewsVersions)[number];

const app = 'reviews';
const namespace = 'default';
const account = 'bookinfo-reviews';
const port = 9080;

/** What one cluster has of them; the status of a pod goes in through its subresource. */
export interface ReviewsObjects {
  readonly pods: readonly V1Pod[];
  /** The order in which they can be made. */
  readonly others: readonly KubernetesObject[];
}

/** One pod a version, all on the first node: it is there in every mode, however many backends the gateways have. */
export function reviewsObjects(
  versions: readonly ReviewsVersion[],
  addresses: SandboxAddresses,
  nowMs: number,
): ReviewsObjects {
  const placed = versions.map((version) => ({
    version,
    address: addresses.workload(reviewsVersions.indexOf(version)),
  }));
  const serviceAccount: V1ServiceAccount = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: account, namespace, labels: { account: app } },
  };
  const slice: V1EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: `${app}-sandbox`,
      namespace,
      labels: {
        'kubernetes.io/service-name': app,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: placed.map(({ version, address }) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: nodeName(0),
      targetRef: { kind: 'Pod', namespace, name: podName(version) },
    })),
  };
  return {
    pods: placed.map(({ version, address }) => podAt(version, address, new Date(nowMs))),
    others: [serviceAccount, slice],
  };
}

function podName(version: ReviewsVersion): string {
  return `${app}-${version}`;
}

function podAt(version: ReviewsVersion, address: string, at: Date): V1Pod {
  const image = `docker.io/istio/examples-bookinfo-reviews-${version}:1.15.0`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName(version), namespace, labels: { app, version } },
    spec: {
      serviceAccountName: account,
      nodeName: nodeName(0),
      containers: [{ name: app, image, ports: [{ containerPort: port }] }],
    },
    status: {
      phase: 'Running',
      podIP: address,
      podIPs: [{ ip: address }],
      startTime: at,
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: at,
      })),
      containerStatuses: [
        {
          name: app,
          image,
          imageID: image,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: at } },
        },
      ],
    },
  };
}
