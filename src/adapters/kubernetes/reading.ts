import type { CoreV1Event, V1EndpointSlice, V1Node, V1Service } from '@kubernetes/client-node';
import { keyInUse, readAnnotation } from '../../domain/annotations.ts';
import { type CarrierReading, type ServiceReading, syncFailure } from '../../domain/observation.ts';
import { backendsOf, endpointsOf, modeOf, readyPodsOf } from './backends.ts';
import type { Cluster } from './clients.ts';
import { fenceOf } from './fence.ts';
import { type GatewayObject, overridesOf } from './gateway-object.ts';
import { markIn } from './write-mark.ts';
import { writtenBy } from './written-by.ts';

const controllerComponent = 'service-controller';
/** Written by the cloud controller when it has processed the Service (reference A10). */
const hashLabel = 'service.beta.kubernetes.io/hash';
const messageCharactersMax = 500;

export interface ServiceObjects {
  readonly service: V1Service;
  readonly slices: readonly V1EndpointSlice[];
  readonly nodes: readonly V1Node[];
  readonly warnings: readonly CoreV1Event[];
}

/** A Service with the backends that the cloud controller is to attach for it. */
export function serviceReading(cluster: Cluster, objects: ServiceObjects): ServiceReading {
  const { service, slices, nodes, warnings } = objects;
  const annotations = service.metadata?.annotations ?? {};
  const mode = modeOf(service, cluster.defaultMode);
  const pods = readyPodsOf(slices, annotations);
  const ports = service.spec?.ports ?? [];
  return {
    cluster: cluster.name,
    clusterId: cluster.id,
    namespace: service.metadata?.namespace ?? '',
    name: service.metadata?.name ?? '',
    annotations,
    weight: readAnnotation(annotations, 'weight'),
    writtenBy: weightWriter(service),
    mode,
    backends: backendsOf(mode, pods, nodes, annotations),
    readyPods: pods.length,
    portNames: Object.fromEntries(ports.map(({ port, name }) => [port, name ?? ''])),
    endpoints: endpointsOf(service, pods),
    warning: newestWarning(warnings),
    hash: service.metadata?.labels?.[hashLabel] ?? null,
  };
}

/** A Service that is not there yet: nothing of it is known but its name. */
export function absentService(cluster: Cluster, namespace: string, name: string): ServiceReading {
  return {
    cluster: cluster.name,
    clusterId: cluster.id,
    namespace,
    name,
    annotations: null,
    weight: null,
    writtenBy: null,
    mode: cluster.defaultMode === 'eni' ? 'eni' : 'cluster',
    backends: [],
    readyPods: 0,
    portNames: {},
    endpoints: [],
    warning: null,
    hash: null,
  };
}

/** A Service whose API server gives no answer now. */
export function unknownService(cluster: Cluster, namespace: string, name: string): ServiceReading {
  return { ...absentService(cluster, namespace, name), isUnknown: true };
}

export function carrierOfService(service: V1Service): CarrierReading {
  const annotations = service.metadata?.annotations ?? {};
  const weightKey = keyInUse(annotations, 'weight');
  return {
    resourceVersion: service.metadata?.resourceVersion ?? '',
    weight: annotations[weightKey] ?? null,
    weightKey,
    overrides: {},
    fence: fenceOf(annotations),
    writtenBy: weightWriter(service),
    overridesWrittenBy: {},
    mark: markIn(annotations),
  };
}

function weightWriter({ metadata }: V1Service): string | null {
  const key = keyInUse(metadata?.annotations ?? {}, 'weight');
  return writtenBy(metadata?.managedFields, ['metadata', 'annotations', key]);
}

export function carrierOfGateway(gateway: GatewayObject): CarrierReading {
  const { managedFields } = gateway.metadata;
  const annotations = gateway.spec.serviceAnnotations ?? {};
  const weightKey = keyInUse(annotations, 'weight');
  return {
    resourceVersion: gateway.metadata.resourceVersion,
    weight: annotations[weightKey] ?? null,
    weightKey,
    overrides: Object.fromEntries(
      Object.entries(overridesOf(gateway)).map(([clusterId, own]) => [clusterId, readAnnotation(own, 'weight')]),
    ),
    fence: fenceOf(gateway.metadata.annotations ?? {}),
    writtenBy: writtenBy(managedFields, ['spec', 'serviceAnnotations', weightKey]),
    overridesWrittenBy: Object.fromEntries(
      Object.entries(overridesOf(gateway)).map(([clusterId, own]) => {
        const path = ['spec', 'overrides', clusterId, 'serviceAnnotations', keyInUse(own, 'weight')];
        return [clusterId, writtenBy(managedFields, path)];
      }),
    ),
    restarting: gateway.restarting,
    mark: markIn(gateway.metadata.annotations ?? {}),
  };
}

function newestWarning(events: readonly CoreV1Event[]): ServiceReading['warning'] {
  const own = events.filter(
    ({ source, reportingComponent }) => (source?.component ?? reportingComponent) === controllerComponent,
  );
  const [newest] = own
    .map((event) => ({ event, atMs: timeOf(event) }))
    // Of one second, the one that says that the whole reconcile failed: it comes last.
    .sort((a, b) => b.atMs - a.atMs || Number(isSyncFailure(b.event)) - Number(isSyncFailure(a.event)));
  if (newest === undefined) return null;
  const { reason, message, firstTimestamp } = newest.event;
  return {
    reason: reason ?? '',
    message: (message ?? '').slice(0, messageCharactersMax),
    atMs: newest.atMs,
    firstAtMs: firstTimestamp === undefined ? newest.atMs : new Date(firstTimestamp).getTime(),
  };
}

function isSyncFailure({ reason }: CoreV1Event): boolean {
  return reason === syncFailure;
}

function timeOf({ lastTimestamp, eventTime, metadata }: CoreV1Event): number {
  const time = lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
  return time === undefined ? 0 : new Date(time).getTime();
}
