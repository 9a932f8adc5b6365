import type { KubernetesObject } from '@kubernetes/client-node';
import type { BackendMode } from '../domain/backend-weights.ts';
import type { SandboxAddresses, Side } from './addresses.ts';
import type { LoadBalancer } from './clb/load-balancer.ts';
import { readManifest } from './manifests.ts';
import { type ReviewsVersion, reviewsObjects, reviewsVersions } from './mesh/reviews.ts';
import { clientOf, ensure, mergePatch, orMissing, type SeedingClient } from './seeding-client.ts';
import {
  autoscalerOf,
  deploymentOf,
  gatewayNamespace,
  gateways,
  inMode,
  nodeAt,
  nodeName,
  sliceOf,
  startingLoadBalancers,
} from './starting-objects.ts';

export interface SeedOptions {
  /** YAML of the ACK cluster and of the ASM control plane, with rights to everything. */
  readonly ack: string;
  readonly asm: string;
  /** Where the load balancers go. */
  readonly clb: { put(loadBalancer: LoadBalancer): void };
  readonly clusterId: string;
  /** Further clusters that the target gateway is deployed to; seedOtherCluster fills each of them. */
  readonly otherClusterIds?: readonly string[];
  readonly mode: BackendMode;
  readonly sourceBackends: number;
  readonly targetBackends: number;
  readonly addresses: SandboxAddresses;
  /** With the second load balancer and the Services behind it. */
  readonly internal?: boolean;
  /** Milliseconds since the epoch, in sandbox time. */
  readonly now: () => number;
}

/** What a further cluster starts with. */
export type OtherClusterOptions = Pick<SeedOptions, 'mode' | 'targetBackends' | 'addresses' | 'now'> & {
  readonly kubeconfig: string;
  /** Versions of Bookinfo's reviews that run there; none where absent. */
  readonly reviews?: readonly ReviewsVersion[];
};

export interface Seeded {
  /**
   * Makes a side that many backends, from now on: its EndpointSlices and Deployment, and the nodes where the mode needs
   * them. In `cluster` mode the nodes are the backends of both sides, so both change.
   */
  setBackends(side: Side, count: number): Promise<void>;
}

/** Nodes of a cluster whose backends are pods; in node modes there is one for each backend. */
const nodesInEniMode = 3;

/**
 * Puts the state before a migration into the servers; what is there already is brought to it, so that it may run again.
 * The target's Service is left to the ASM controller, its EndpointSlices are not.
 *
 * @throws Error where the mode cannot have these counts
 */
export async function seed(options: SeedOptions): Promise<Seeded> {
  const counts = { source: options.sourceBackends, target: options.targetBackends };
  if (options.mode === 'cluster' && counts.source !== counts.target) {
    throw new Error(
      `in cluster mode both sides share the nodes: ${counts.source} and ${counts.target} backends cannot be`,
    );
  }
  for (const loadBalancer of startingLoadBalancers(options.internal ?? false)) options.clb.put(loadBalancer);
  const ack = clientOf(options.ack);
  const asm = clientOf(options.asm);
  for (const client of [ack, asm]) await ensureNamespaces(client);
  await setNodes(ack, options, 0, nodesFor(options.mode, counts));
  for (const side of ['source', 'target'] as const) await setSide(ack, options, side, counts);
  await ensureManifests(ack, asm, options);
  const isShared = (options.otherClusterIds ?? []).length > 0;
  await ensureReviews(ack, options, isShared ? ['v1', 'v2'] : reviewsVersions);
  return { setBackends: (side, count) => setBackends(ack, options, counts, side, count) };
}

/** Nodes and pods of the target, on addresses of their own, and what runs there of the application. */
export async function seedOtherCluster(options: OtherClusterOptions): Promise<void> {
  const client = clientOf(options.kubeconfig);
  const counts = { source: 0, target: options.targetBackends };
  await ensureNamespaces(client);
  await setNodes(client, options, 0, nodesFor(options.mode, counts));
  await setSide(client, options, 'target', counts);
  if (options.reviews !== undefined) await ensureReviews(client, options, options.reviews);
}

type Counts = Record<Side, number>;
type Place = Pick<SeedOptions, 'mode' | 'addresses' | 'internal' | 'now'>;

async function ensureNamespaces(client: SeedingClient): Promise<void> {
  for (const name of ['default', gatewayNamespace]) {
    await ensure(client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
}

async function ensureManifests(ack: SeedingClient, asm: SeedingClient, options: SeedOptions): Promise<void> {
  const { mode, internal } = options;
  const clusterIds = [options.clusterId, ...(options.otherClusterIds ?? [])];
  for (const file of ['gateway.yaml', 'virtual-service.yaml', 'destination-rule.yaml'])
    await ensure(ack, await readManifest(file));
  for (const file of [
    'gateway-asm.yaml',
    'virtual-service.yaml',
    'destination-rule.yaml',
    'reviews-destination-rule.yaml',
  ])
    await ensure(asm, await readManifest(file));
  const services = internal
    ? ['source-services.yaml', 'source-service-internal.yaml', 'target-service-internal.yaml']
    : ['source-services.yaml'];
  for (const file of services) await ensure(ack, inMode(await readManifest(file), mode));
  const gateway = inMode(await readManifest('target-gateway.yaml'), mode);
  const replicas = {
    replicaCount: options.targetBackends,
    minReplicas: Math.max(1, options.targetBackends),
    maxReplicas: Math.max(2, 2 * options.targetBackends),
  };
  await ensure(asm, { ...gateway, spec: { ...gateway.spec, ...replicas, clusterIds } } as KubernetesObject);
}

async function ensureReviews(
  client: SeedingClient,
  { addresses, now }: Place,
  versions: readonly ReviewsVersion[],
): Promise<void> {
  await ensure(client, await readManifest('reviews-service.yaml'));
  const { pods, others } = reviewsObjects(versions, addresses, now());
  for (const object of others) await ensure(client, object);
  for (const pod of pods) {
    await ensure(client, pod);
    const { name = '', namespace = '' } = pod.metadata ?? {};
    await client.core.patchNamespacedPodStatus({ name, namespace, body: { status: pod.status } }, mergePatch);
  }
}

async function setBackends(
  client: SeedingClient,
  options: SeedOptions,
  counts: Counts,
  side: Side,
  count: number,
): Promise<void> {
  if (!Number.isInteger(count) || count < 0)
    throw new RangeError(`a side has a whole number of backends, asked for ${count}`);
  const before = nodesFor(options.mode, counts);
  counts[side] = count;
  if (options.mode === 'cluster') counts[side === 'source' ? 'target' : 'source'] = count;
  const after = nodesFor(options.mode, counts);
  // New nodes before their pods, and pods gone before their nodes, as a scheduler would.
  if (after > before) await setNodes(client, options, before, after);
  for (const one of options.mode === 'cluster' ? (['source', 'target'] as const) : [side])
    await setSide(client, options, one, counts);
  if (after < before) await setNodes(client, options, before, after);
}

function nodesFor(mode: BackendMode, counts: Counts): number {
  return mode === 'eni' ? nodesInEniMode : Math.max(counts.source, counts.target);
}

async function setNodes(client: SeedingClient, options: Place, before: number, after: number): Promise<void> {
  for (let index = before; index < after; index += 1) {
    const node = nodeAt(options.addresses, index, options.now());
    await ensure(client, node);
    await client.core.patchNodeStatus({ name: nodeName(index), body: { status: node.status } }, mergePatch);
  }
  for (let index = after; index < before; index += 1)
    await orMissing(client.core.deleteNode({ name: nodeName(index) }));
}

async function setSide(client: SeedingClient, options: Place, side: Side, counts: Counts): Promise<void> {
  const pods = counts[side];
  const [service, internalService] = gateways[side].services;
  const services = [service, ...(options.internal ? [internalService] : [])].filter((name) => name !== undefined);
  for (const name of services)
    await ensure(client, sliceOf(name, side, pods, nodesFor(options.mode, counts), options.addresses));
  const deployment = deploymentOf(side, pods);
  const autoscaler = autoscalerOf(side, pods);
  await ensure(client, deployment);
  await ensure(client, autoscaler);
  const named = { name: gateways[side].deployment, namespace: gatewayNamespace };
  // What was asked for is done: its controller has seen it.
  const { metadata } = await client.apps.readNamespacedDeployment(named);
  const status = { ...deployment.status, observedGeneration: metadata?.generation ?? 1 };
  await client.apps.patchNamespacedDeploymentStatus({ ...named, body: { status } }, mergePatch);
  await client.autoscaling.patchNamespacedHorizontalPodAutoscalerStatus(
    { ...named, body: { status: autoscaler.status } },
    mergePatch,
  );
}
