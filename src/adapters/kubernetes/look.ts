import type { V1Node, V1Service } from '@kubernetes/client-node';
import type { ServiceReading, SideReading } from '../../domain/observation.ts';
import type { WorkloadReading } from '../../domain/rollout.ts';
import { type GatewayRef, type ServiceRef, type SideRef, sideName } from '../../domain/spec.ts';
import { InvalidInputError, TerminalError, TransientError } from '../../ports/errors.ts';
import { modeOf } from './backends.ts';
import type { Cluster, KubernetesClients } from './clients.ts';
import { type GatewayObject, isServerless } from './gateway-object.ts';
import { findService, listNodes, listSlices, listWarnings, readGateway } from './objects.ts';
import { absentService, carrierOfGateway, carrierOfService, serviceReading, unknownService } from './reading.ts';
import { listDeployments, picks } from './survey-objects.ts';

/** One look at a route: both sides share what is the same for both, the nodes of a cluster. */
export interface Look {
  readonly clients: KubernetesClients;
  nodesOf(cluster: Cluster): Promise<readonly V1Node[]>;
}

export function beginLook(clients: KubernetesClients): Look {
  const nodes = new Map<string, Promise<readonly V1Node[]>>();
  return {
    clients,
    nodesOf: (cluster) => {
      const asked = nodes.get(cluster.name) ?? listNodes(cluster);
      nodes.set(cluster.name, asked);
      return asked;
    },
  };
}

/** The source: without its Service nothing can be decided, so every failure is thrown. */
export async function lookAtSource(look: Look, ref: ServiceRef): Promise<SideReading> {
  const cluster = look.clients.cluster(ref.cluster);
  const service = await requireService(cluster, ref);
  return { carrier: carrierOfService(service), services: [await lookAtService(look, cluster, service)] };
}

/** The target: a side that cannot be reached must not keep the other from going back (rule 5). */
export function lookAtTarget(look: Look, ref: SideRef): Promise<SideReading> {
  return ref.kind === 'gateway' ? lookAtGateway(look, ref) : lookAtTargetService(look, ref);
}

async function lookAtTargetService(look: Look, ref: ServiceRef): Promise<SideReading> {
  const cluster = look.clients.cluster(ref.cluster);
  try {
    const service = await requireService(cluster, ref);
    return { carrier: carrierOfService(service), services: [await lookWithWorkloads(look, cluster, service)] };
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    return { carrier: null, services: [unknownService(cluster, ref.namespace, ref.name)] };
  }
}

async function lookAtGateway(look: Look, ref: GatewayRef): Promise<SideReading> {
  const gateway = await gatewayOrNull(look.clients, ref);
  // Without the gateway it is not known which clusters it serves: its Services are then where they are found.
  const clusters = gateway === null ? look.clients.clusters : clustersOf(look.clients, gateway, ref);
  const readings = await Promise.all(clusters.map((cluster) => lookAtFollower(look, cluster, ref)));
  const services = gateway === null ? readings.filter(({ annotations }) => annotations !== null) : readings;
  return { carrier: gateway === null ? null : carrierOfGateway(gateway), services };
}

async function gatewayOrNull(clients: KubernetesClients, ref: GatewayRef): Promise<GatewayObject | null> {
  try {
    return await readGateway(clients.mesh(ref.mesh), ref.namespace, ref.name);
  } catch (error) {
    if (error instanceof TransientError) return null;
    throw error;
  }
}

/**
 * @throws TerminalError where the gateway names no cluster, or one that the configuration does not know
 * @throws InvalidInputError where it is serverless, and so has no pods in any cluster
 */
export function clustersOf(clients: KubernetesClients, gateway: GatewayObject, ref: GatewayRef): readonly Cluster[] {
  const ids = gateway.spec.clusterIds ?? [];
  if (ids.length === 0 && isServerless(gateway)) {
    const message = `${sideName(ref)} is a serverless gateway: whether one can share a load balancer is not documented, so none is taken for a route; take one that runs in your clusters`;
    throw new InvalidInputError([{ path: 'spec.target', message }]);
  }
  if (ids.length === 0) throw new TerminalError(`IstioGateway ${sideName(ref)} names no cluster in spec.clusterIds`);
  return ids.map((id) => clients.clusterById(id));
}

/** The Service that the ASM controller makes for a gateway (reference C1). */
export function followerOf(ref: GatewayRef): string {
  return `istio-${ref.name}`;
}

async function lookAtFollower(look: Look, cluster: Cluster, ref: GatewayRef): Promise<ServiceReading> {
  const name = followerOf(ref);
  try {
    const service = await findService(cluster, ref.namespace, name);
    return service === null
      ? absentService(cluster, ref.namespace, name)
      : await lookWithWorkloads(look, cluster, service);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    return unknownService(cluster, ref.namespace, name);
  }
}

/** Of the target: what moves there must not move while its pods are replaced. */
async function lookWithWorkloads(look: Look, cluster: Cluster, service: V1Service): Promise<ServiceReading> {
  const [reading, workloads] = await Promise.all([
    lookAtService(look, cluster, service),
    workloadsBehind(cluster, service),
  ]);
  return workloads === null ? reading : { ...reading, workloads };
}

/** Null where they cannot be read: a step that goes by them would stand still for want of a right (the preflight says so). */
async function workloadsBehind(cluster: Cluster, service: V1Service): Promise<readonly WorkloadReading[] | null> {
  try {
    const all = await listDeployments(cluster, service.metadata?.namespace ?? '');
    return all.filter((one) => picks(service, one)).map(({ podLabels: _, ...workload }) => workload);
  } catch (error) {
    if (error instanceof TransientError || error instanceof TerminalError) return null;
    throw error;
  }
}

export async function lookAtService(look: Look, cluster: Cluster, service: V1Service): Promise<ServiceReading> {
  const namespace = service.metadata?.namespace ?? '';
  const name = service.metadata?.name ?? '';
  const needsNodes = modeOf(service, cluster.defaultMode) !== 'eni';
  const [slices, warnings, nodes] = await Promise.all([
    listSlices(cluster, namespace, name),
    listWarnings(cluster, namespace, name),
    needsNodes ? look.nodesOf(cluster) : [],
  ]);
  return serviceReading(cluster, { service, slices, nodes, warnings });
}

/** @throws TerminalError where it is not there */
export async function requireService(cluster: Cluster, ref: ServiceRef): Promise<V1Service> {
  const service = await findService(cluster, ref.namespace, ref.name);
  if (service === null) throw new TerminalError(`Service ${sideName(ref)} does not exist`);
  return service;
}
