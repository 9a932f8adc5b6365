import type { Backend, BackendMode } from './backend-weights.ts';
import type { FieldDigests } from './gateway-change.ts';
import type { WorkloadReading } from './rollout.ts';
import type { Route, Side } from './spec.ts';

/** What one look at a route found: the objects that carry the weights, and the load balancer's own answer. */
export interface RouteObservation {
  readonly route: Route;
  readonly source: SideReading;
  readonly target: SideReading;
  readonly groups: readonly GroupReading[];
}

/** One side as the Kubernetes APIs tell it. */
export interface SideReading {
  /** The object that carries the weight: the Service, or the IstioGateway; null where its API server gives no answer. */
  readonly carrier: CarrierReading | null;
  /** Every Service that follows the carrier (the carrier itself, where it is a Service). */
  readonly services: readonly ServiceReading[];
}

export interface CarrierReading {
  readonly resourceVersion: string;
  /** The weight annotation as written, null where absent; of an IstioGateway, in `spec.serviceAnnotations`. */
  readonly weight: string | null;
  /** The spelling of the weight annotation in use; the one that will be written. */
  readonly weightKey: string;
  /** Weights of `spec.overrides[clusterId].serviceAnnotations`, for each override that has serviceAnnotations. */
  readonly overrides: Readonly<Record<string, string | null>>;
  /** The highest record revision that wrote this object, null where none did. */
  readonly fence: number | null;
  /** Who wrote the weight last, from managedFields. */
  readonly writtenBy: string | null;
  /** The same of the weight in each of `overrides`. */
  readonly overridesWrittenBy: Readonly<Record<string, string | null>>;
  /** Of an IstioGateway; absent where a Service carries the weight. */
  readonly restarting?: FieldDigests;
  /** What our newest write left beside the fence; null where nothing, or nothing readable, is there. */
  readonly mark: WriteMark | null;
}

/**
 * What was true just before a write, kept on the object that it wrote: any later look, in whatever process, can tell
 * from it what came after the write. Each value is compared with a later one of its own kind: the hash with the hash, the
 * controller's clock with the controller's, the store's with the store's.
 */
export interface WriteMark {
  /** When it was written, by the store's clock. */
  readonly atMs: number;
  /** By cluster id, for every Service that could be read then. */
  readonly before: Readonly<Record<string, ServiceHints>>;
  /** The newest nudge since then. */
  readonly nudge: Nudge | null;
}

export interface Nudge {
  /** Of the command that it was for. */
  readonly revision: number;
  readonly atMs: number;
  /** The hash labels as they were just before it, by cluster id. */
  readonly hashes: Readonly<Record<string, string | null>>;
}

/** A mark that tells of a nudge. */
export type NudgeMark = WriteMark & { readonly nudge: Nudge };

/** The cloud controller's hash label, and when its newest warning was, by its own clock. */
export interface ServiceHints {
  readonly hash: string | null;
  readonly warnedAtMs: number | null;
}

export interface ServiceReading {
  readonly cluster: string;
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  /** Null where the ASM controller has not made the Service yet. */
  readonly annotations: Readonly<Record<string, string>> | null;
  /** The weight the cloud controller will read, null where absent. */
  readonly weight: string | null;
  /** Who wrote it last, from managedFields. */
  readonly writtenBy: string | null;
  readonly mode: BackendMode;
  /** The backends that the controller is to attach; `address` is the pod's IP (eni) or the node's server id. */
  readonly backends: readonly Backend[];
  /** Ready pods behind the Service, whatever the mode: what it can carry. */
  readonly readyPods: number;
  /** Names of the Service's ports, '' where a port has none; what begins with `https` speaks TLS. */
  readonly portNames: Readonly<Record<number, string>>;
  /** Ready pods with the port that each Service port leads to: where a probe asks. */
  readonly endpoints: readonly EndpointReading[];
  /** The newest warning of the cloud controller on this Service: a hint, never proof. */
  readonly warning: ControllerWarning | null;
  /** The Deployments behind it; absent where nobody asked, or who asked may not read them. */
  readonly workloads?: readonly WorkloadReading[];
  /** The label that the cloud controller changes once it has processed a changed Service (reference A10); a hint. */
  readonly hash: string | null;
  /** Its API server gave no answer: what stands here says nothing about the Service, not even whether it is there. */
  readonly isUnknown?: true;
}

/** Whether an API server has told of it, be it that it is not there. */
export function isKnown({ isUnknown }: ServiceReading): boolean {
  return isUnknown !== true;
}

/** Reason of the warning that a whole reconcile failed; the controller tries again by itself (reference A8, A10). */
export const syncFailure = 'SyncLoadBalancerFailed';

/** Times are the controller's clock, to the second. */
export interface ControllerWarning {
  readonly reason: string;
  readonly message: string;
  /** When it was said last. */
  readonly atMs: number;
  /** When it was said first: equal warnings are one event that is counted up. */
  readonly firstAtMs: number;
}

export interface EndpointReading {
  readonly address: string;
  /** Name of the node that the pod runs on, null where its slice does not say. */
  readonly node: string | null;
  /** Service port -> the pod's port. */
  readonly targetPorts: Readonly<Record<number, number>>;
}

/** A vServer group as the CLB OpenAPI describes it. */
export interface GroupReading {
  readonly port: number;
  readonly group: string;
  readonly backends: readonly BackendReading[];
}

export type BackendHealth = 'normal' | 'abnormal' | 'unavailable';

export interface BackendReading {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly weight: number;
  readonly type: string;
  readonly description: string;
  readonly health: BackendHealth;
}

const ownerPrefix = 'k8s/';

/** `k8s/<port>/<service>/<namespace>/<clusterId>`: how the cloud controller marks the backends of a Service. */
function isOwnedBy(owner: string, { description }: BackendReading): boolean {
  if (!description.startsWith(ownerPrefix) || !description.endsWith(owner)) return false;
  return description.lastIndexOf('/', description.length - owner.length - 1) === ownerPrefix.length - 1;
}

/** The backends of one side in one group, Service by Service. */
export function ownBackends(
  group: GroupReading,
  reading: SideReading,
): readonly { readonly service: ServiceReading; readonly backends: readonly BackendReading[] }[] {
  return reading.services.map((service) => {
    const owner = `/${service.name}/${service.namespace}/${service.clusterId}`;
    return { service, backends: group.backends.filter((backend) => isOwnedBy(owner, backend)) };
  });
}

export function readingOf(observation: RouteObservation, side: Side): SideReading {
  return side === 'source' ? observation.source : observation.target;
}

/** What a backend is called in ServiceReading.backends. */
export function addressOf(backend: BackendReading, mode: BackendMode): string {
  return mode === 'eni' || backend.type === 'eni' ? backend.serverIp : backend.serverId;
}

/** Ready pods of a side over all its Services: what it can carry. */
export function readyPods(reading: SideReading): number {
  return reading.services.reduce((sum, service) => sum + service.readyPods, 0);
}
