import type { V1Node } from '@kubernetes/client-node';

const excluding = [
  'node.kubernetes.io/exclude-from-external-load-balancers',
  'alpha.service-controller.kubernetes.io/exclude-balancer',
  'service.beta.kubernetes.io/exclude-node',
  'service.alibabacloud.com/exclude-node',
  'node-role.kubernetes.io/master',
  'node-role.kubernetes.io/control-plane',
];

export interface NodeRules {
  /** `remove-unscheduled-backend: on`. */
  readonly withoutCordoned: boolean;
  /** `backend-label`: `key=value,key=value`, '' for every node. */
  readonly labels: string;
}

/** Whether a node may stand behind a load balancer (reference A5, backend sets). */
export function isServing(node: V1Node, rules: NodeRules): boolean {
  const labels = node.metadata?.labels ?? {};
  if (excluding.some((label) => labels[label] !== undefined)) return false;
  if (!isReady(node)) return false;
  if (node.spec?.taints?.some((taint) => taint.key === 'ToBeDeletedByClusterAutoscaler')) return false;
  if (rules.withoutCordoned && node.spec?.unschedulable === true) return false;
  return rules.labels === '' || rules.labels.split(',').every((wanted) => hasLabel(labels, wanted));
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [key, value] = wanted.split('=');
  return key !== undefined && value !== undefined && labels[key] === value;
}

export function isReady(node: V1Node): boolean {
  return node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}

/** A virtual node (ECI): its pods are attached by their own interface. */
export function isVirtual(node: V1Node): boolean {
  return node.metadata?.labels?.['type'] === 'virtual-kubelet';
}

/** The ECS instance of a node, from `[alicloud://]<region>.<instance>`. @throws Error for any other provider id */
export function serverIdOf(node: V1Node): string {
  const providerId = node.spec?.providerID ?? '';
  const [, instance] = providerId.replace(/^alicloud:\/\//, '').split('.');
  if (instance !== undefined && instance !== '') return instance;
  throw new Error(
    `parse providerid: ${providerId}. expected: \${regionid}.\${nodeid}, ` +
      `alicloud: unable to split instanceid and region from providerID, error unexpected providerID=${providerId}`,
  );
}
