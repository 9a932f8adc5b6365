import type { V1EndpointSlice, V1Node, V1Service } from '@kubernetes/client-node';
import type { ControllerVersion } from './backend-set.ts';
import type { ClbApi } from './clb-calls.ts';

/** What the cloud controller needs of a cluster: reads from its caches, patches, and events. */
export interface KubeApi {
  service(key: string): V1Service | null;
  slices(key: string): readonly V1EndpointSlice[];
  nodes(): readonly V1Node[];
  /** A merge-patch of the Service. */
  patchService(key: string, body: object): Promise<void>;
  /** A merge-patch through the status subresource. */
  patchServiceStatus(key: string, body: object): Promise<void>;
  record(service: V1Service, event: ServiceEvent): void;
}

export interface ServiceEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface ReconcileContext {
  readonly kube: KubeApi;
  readonly clb: ClbApi;
  readonly clusterId: string;
  /** `2.11` fails on what it cannot build; `2.14` says that all is well (reference A11). */
  readonly version: ControllerVersion;
  readonly eniOf: (address: string) => string | null;
  readonly sharedNodeChurn: boolean;
}
