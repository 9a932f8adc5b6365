import type { V1Node } from '@kubernetes/client-node';
import type { Annotations } from '../../domain/annotations.ts';

/** Labels that keep a node out of every load balancer, whatever their value (reference A5). */
const excluding = [
  'node.kubernetes.io/exclude-from-external-load-balancers',
  'alpha.service-controller.kubernetes.io/exclude-balancer',
  'service.beta.kubernetes.io/exclude-node',
  'service.alibabacloud.com/exclude-node',
  'node-role.kubernetes.io/master',
  'node-role.kubernetes.io/control-plane',
] as const;

const toBeDeleted = 'ToBeDeletedByClusterAutoscaler';

/** Whether the cloud controller attaches a node for a Service with these annotations (reference A5, backend sets). */
export function isEligible(node: V1Node, annotations: Annotations): boolean {
  const labels = node.metadata?.labels ?? {};
  if (excluding.some((label) => label in labels)) return false;
  if (!node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return false;
  if (node.spec?.taints?.some(({ key }) => key === toBeDeleted)) return false;
  if (node.spec?.unschedulable === true && controllerText(annotations, 'remove-unscheduled-backend') === 'on')
    return false;
  const wanted = controllerText(annotations, 'backend-label');
  return wanted === '' || wanted.split(',').every((pair) => isLabelled(labels, pair));
}

function isLabelled(labels: Readonly<Record<string, string>>, pair: string): boolean {
  const [key, value] = pair.split('=');
  return key !== undefined && value !== undefined && labels[key] === value;
}

/** An annotation of the backend part; the new spelling wins if the key is there at all (reference A1). */
export function controllerText(
  annotations: Annotations,
  suffix: 'remove-unscheduled-backend' | 'backend-label' | 'backend-ip-version',
): string {
  const current = annotations[`service.beta.kubernetes.io/alibaba-cloud-loadbalancer-${suffix}`];
  return current ?? annotations[`service.beta.kubernetes.io/alicloud-loadbalancer-${suffix}`] ?? '';
}

/** A virtual node: its pods (ECI) are attached by their own address, never by the node. */
export function isVirtual(node: V1Node): boolean {
  return node.metadata?.labels?.['type'] === 'virtual-kubelet';
}

/** The ECS instance in a provider id `<region>.<instance>` (`alicloud://` may stand before it), null for any other. */
export function serverIdOf(node: V1Node): string | null {
  const [, instance] = (node.spec?.providerID ?? '').replace(/^alicloud:\/\//, '').split('.');
  return instance || null;
}
