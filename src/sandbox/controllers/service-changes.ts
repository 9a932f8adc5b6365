import { isDeepStrictEqual } from 'node:util';
import type { V1EndpointSlice, V1Node, V1Service } from '@kubernetes/client-node';
import { finalizer, needsClb } from './cloud-annotations.ts';
import { isReady } from './nodes.ts';
import type { ServiceEvent } from './reconcile-context.ts';

const normal = (reason: string, message: string): ServiceEvent => ({ type: 'Normal', reason, message });

/** Whether a Service that appears is reconciled: it needs a CLB, or had one. */
export function isOfInterest(service: V1Service): boolean {
  return needsClb(service) || (service.metadata?.finalizers?.includes(finalizer) ?? false);
}

/**
 * Whether a changed Service is reconciled, and the event that says why. Labels and status do not count, every
 * annotation does (reference A8).
 */
export function serviceChange(old: V1Service, service: V1Service): { readonly event: ServiceEvent | null } | null {
  if (!needsClb(old) && !needsClb(service)) return null;
  if (needsClb(old) !== needsClb(service)) {
    return { event: normal('TypeChanged', `type change ${old.spec?.type} - ${service.spec?.type}`) };
  }
  if (old.metadata?.uid !== service.metadata?.uid) return { event: null };
  if (!isDeepStrictEqual(old.metadata?.annotations ?? {}, service.metadata?.annotations ?? {})) {
    return { event: normal('AnnotationChanged', changed('annotations has')) };
  }
  if (!isDeepStrictEqual(old.spec, service.spec)) return { event: normal('ServiceSpecChanged', changed('spec has')) };
  if ((old.metadata?.deletionTimestamp === undefined) !== (service.metadata?.deletionTimestamp === undefined)) {
    return { event: normal('DeleteTimestampChanged', changed('delete timestamp has')) };
  }
  return null;
}

function changed(what: string): string {
  return `The service will be updated because the ${what} been changed.`;
}

export function isSliceChange(old: V1EndpointSlice, slice: V1EndpointSlice): boolean {
  return !isDeepStrictEqual(old.endpoints, slice.endpoints) || !isDeepStrictEqual(old.ports, slice.ports);
}

/** Labels, cordon and readiness; a heartbeat is none of these. */
export function isNodeChange(old: V1Node, node: V1Node): boolean {
  return (
    !isDeepStrictEqual(old.metadata?.labels ?? {}, node.metadata?.labels ?? {}) ||
    (old.spec?.unschedulable ?? false) !== (node.spec?.unschedulable ?? false) ||
    isReady(old) !== isReady(node)
  );
}
