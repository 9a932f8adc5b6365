import {
  CoreV1Api,
  DiscoveryV1Api,
  type KubeConfig,
  type V1Endpoint,
  type V1EndpointSlice,
  type V1Pod,
} from '@kubernetes/client-node';
import type { SandboxClock } from '../clock.ts';
import { type Mirror, startMirror } from '../controllers/mirror.ts';
import type { Host } from './subset-routing.ts';

export interface ClusterEndpointsOptions {
  readonly config: KubeConfig;
  readonly clock: SandboxClock;
  readonly log: (line: string) => void;
  readonly onChange: () => void;
}

/** The endpoints of one cluster, followed as a mesh's control plane does. */
export interface ClusterEndpoints {
  /** Labels of the pods behind the ready endpoints of a host. */
  ready(host: Host): readonly Readonly<Record<string, string>>[];
  stop(): Promise<void>;
}

/** @throws where the cluster's first list cannot be had */
export async function followEndpoints(options: ClusterEndpointsOptions): Promise<ClusterEndpoints> {
  const { config, clock, log, onChange } = options;
  const core = config.makeApiClient(CoreV1Api);
  const discovery = config.makeApiClient(DiscoveryV1Api);
  const slices = await startMirror<V1EndpointSlice>({
    ...{ config, clock, log, onChange },
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    list: () => discovery.listEndpointSliceForAllNamespaces(),
  });
  try {
    const pods = await startMirror<V1Pod>({
      ...{ config, clock, log, onChange },
      path: '/api/v1/pods',
      list: () => core.listPodForAllNamespaces(),
    });
    return {
      ready: (host) => slices.all().flatMap((slice) => (isOf(slice, host) ? readyIn(slice, host, pods) : [])),
      stop: async () => void (await Promise.all([slices.stop(), pods.stop()])),
    };
  } catch (error) {
    await slices.stop();
    throw error;
  }
}

function isOf({ metadata }: V1EndpointSlice, { namespace, name }: Host): boolean {
  return metadata?.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name;
}

function readyIn(slice: V1EndpointSlice, { namespace }: Host, pods: Mirror<V1Pod>) {
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    const pod = pods.get(`${namespace}/${endpoint.targetRef?.name ?? ''}`);
    return pod !== null && isReady(endpoint, pod) ? [pod.metadata?.labels ?? {}] : [];
  });
}

/** No endpoint controller runs here, so a pod that is told to be unready, or deleted, is asked itself. */
function isReady({ conditions }: V1Endpoint, { metadata, status }: V1Pod): boolean {
  const isPodReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
  return conditions?.ready !== false && isPodReady && metadata?.deletionTimestamp === undefined;
}
