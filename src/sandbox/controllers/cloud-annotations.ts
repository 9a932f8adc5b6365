import type { V1Service } from '@kubernetes/client-node';

// A restatement of the vendor's rules, on purpose apart from src/domain: a twin that shares the product's reading of an
// annotation would share its mistakes.

const prefix = 'service.beta.kubernetes.io/alibaba-cloud-loadbalancer-';
const legacyPrefix = 'service.beta.kubernetes.io/alicloud-loadbalancer-';

export const backendTypeKey = 'service.beta.kubernetes.io/backend-type';
const classKey = 'service.beta.kubernetes.io/class';
export const finalizer = 'service.k8s.alibaba/resources';
export const hashLabel = 'service.beta.kubernetes.io/hash';
export const loadBalancerLabel = 'service.k8s.alibaba/loadbalancer-id';

/**
 * The value of an annotation by its suffix, '' where absent. The new spelling wins if its key exists at all, even with
 * an empty value; nothing is trimmed (reference A1).
 */
export function read(service: V1Service, suffix: string): string {
  const annotations = service.metadata?.annotations ?? {};
  return annotations[prefix + suffix] ?? annotations[legacyPrefix + suffix] ?? '';
}

/** `on` in any case, as the controller compares its switches. */
export function isOn(service: V1Service, suffix: string): boolean {
  return read(service, suffix).toLowerCase() === 'on';
}

/** Go's strconv.Atoi: an optional sign and decimal digits, no spaces, within 64 bits; null where Go returns an error. */
export function atoi(text: string): number | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  const exact = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(64, exact) === exact ? Number(exact) : null;
}

/** Whether the controller treats this Service as one of a Classic Load Balancer (reference A3). */
export function needsClb(service: V1Service): boolean {
  const annotations = service.metadata?.annotations ?? {};
  return (
    service.spec?.type === 'LoadBalancer' &&
    service.spec.loadBalancerClass === undefined &&
    (annotations[classKey] ?? '') === '' &&
    read(service, 'tunnel-type') === ''
  );
}

/** Whether the load balancer configuration of this Service is to be taken down. */
export function needsCleaning(service: V1Service): boolean {
  return service.metadata?.deletionTimestamp !== undefined || service.spec?.type !== 'LoadBalancer';
}

/** `<namespace>/<name>`: the key of the work queue, and the name in messages. */
export function keyOf(object: { readonly metadata?: { readonly namespace?: string; readonly name?: string } }): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}
