import type { KubernetesObject, V1Service, V1ServicePort } from '@kubernetes/client-node';

/** What the ASM controller reads of an IstioGateway (reference C2). */
export interface IstioGateway extends KubernetesObject {
  readonly spec?: GatewaySpec;
  readonly status?: GatewayStatus;
}

export interface GatewaySpec extends GatewayOverride {
  readonly clusterIds?: readonly string[];
  readonly externalTrafficPolicy?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly serviceLabels?: Readonly<Record<string, string>>;
  readonly ports?: readonly GatewayPort[];
  readonly overrides?: Readonly<Record<string, GatewayOverride>>;
}

interface GatewayOverride {
  readonly serviceType?: string;
  readonly serviceAnnotations?: Readonly<Record<string, string>>;
}

interface GatewayPort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
  readonly protocol?: string;
}

/** Capitalised keys, as the vendor's status has them. */
export interface GatewayStatus {
  readonly Status?: string;
  readonly GatewayAddress?: readonly string[];
  readonly ClusterIdGatewayAddressMap?: readonly { readonly clusterId: string; readonly ipAddress: string }[];
  readonly ErrorMessage?: string;
}

export interface CopyRules {
  /** Whether `overrides[cluster].serviceAnnotations` stand instead of the base ones or on top of them: undocumented (C2). */
  readonly overrides: 'replace' | 'merge';
  /** Whether somebody's edit of a key that the gateway sets is put back: undocumented, assumed (C3). */
  readonly revertsEdits: boolean;
}

/** What the controller set last time, so that it takes away its own keys and nobody else's. */
export const appliedKey = 'asm.alibabacloud.com/applied-service-annotations';

type Annotations = Readonly<Record<string, string>>;

/** `istio-<name>`: Service, Deployment and pods of a gateway (reference C1). */
export function serviceNameOf(gatewayName: string): string {
  return `istio-${gatewayName}`;
}

export function selectorOf(gatewayName: string): Readonly<Record<string, string>> {
  return { app: serviceNameOf(gatewayName), 'asm-system': 'true', istio: gatewayName, provider: 'asm' };
}

/** The annotations that the gateway asks for in one cluster. */
export function annotationsFor(spec: GatewaySpec, clusterId: string, rules: CopyRules): Annotations {
  const base = spec.serviceAnnotations ?? {};
  const own = spec.overrides?.[clusterId]?.serviceAnnotations;
  if (own === undefined) return base;
  return rules.overrides === 'replace' ? own : { ...base, ...own };
}

/** The Service as it is created in a cluster that has none. */
export function newService(gateway: IstioGateway, clusterId: string, rules: CopyRules): V1Service {
  const name = gateway.metadata?.name ?? '';
  const namespace = gateway.metadata?.namespace ?? '';
  const wanted = annotationsFor(gateway.spec ?? {}, clusterId, rules);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: serviceNameOf(name),
      namespace,
      labels: labelsOf(gateway),
      annotations: { ...wanted, [appliedKey]: appliedText(wanted) },
    },
    spec: { ...specOf(gateway, clusterId, null), selector: { ...selectorOf(name) } },
  };
}

/**
 * The merge-patch that brings an existing Service to what the gateway says, null where it says so already. Keys that
 * others put there stay; node ports stay (reference C3).
 */
export function servicePatch(
  gateway: IstioGateway,
  clusterId: string,
  service: V1Service,
  rules: CopyRules,
): object | null {
  const wanted = annotationsFor(gateway.spec ?? {}, clusterId, rules);
  const annotations = annotationChanges(service.metadata?.annotations ?? {}, wanted, rules);
  const labels = changes(service.metadata?.labels ?? {}, labelsOf(gateway));
  const spec = changes(service.spec ?? {}, specOf(gateway, clusterId, service));
  if ([annotations, labels, spec].every((part) => Object.keys(part).length === 0)) return null;
  return { metadata: { annotations, labels }, spec };
}

function annotationChanges(present: Annotations, wanted: Annotations, rules: CopyRules): Record<string, string | null> {
  const applied = appliedBefore(present);
  const result: Record<string, string | null> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const isEdited = applied[key] === value;
    if (present[key] !== value && (rules.revertsEdits || !isEdited)) result[key] = value;
  }
  for (const key of Object.keys(applied)) {
    if (wanted[key] === undefined && present[key] !== undefined) result[key] = null;
  }
  const text = appliedText(wanted);
  if (present[appliedKey] !== text) result[appliedKey] = text;
  return result;
}

/** What is remembered from the last time; a text that is not ours counts as nothing remembered. */
function appliedBefore(present: Annotations): Annotations {
  try {
    const value: unknown = JSON.parse(present[appliedKey] ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Annotations) : {};
  } catch (cause) {
    if (cause instanceof SyntaxError) return {};
    throw cause;
  }
}

function appliedText(wanted: Annotations): string {
  return JSON.stringify(Object.fromEntries(Object.entries(wanted).sort(([one], [other]) => (one < other ? -1 : 1))));
}

function labelsOf(gateway: IstioGateway): Record<string, string> {
  return { ...gateway.spec?.serviceLabels, ...selectorOf(gateway.metadata?.name ?? '') };
}

function specOf(gateway: IstioGateway, clusterId: string, service: V1Service | null): NonNullable<V1Service['spec']> {
  const spec = gateway.spec ?? {};
  const type = spec.overrides?.[clusterId]?.serviceType ?? spec.serviceType ?? 'LoadBalancer';
  return {
    type,
    ports: (spec.ports ?? []).map((port) => servicePort(port, service?.spec?.ports ?? [])),
    // The API server refuses the policy on a Service that nothing reaches from outside.
    ...(type === 'ClusterIP' ? {} : { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' }),
    ...(spec.loadBalancerClass === undefined ? {} : { loadBalancerClass: spec.loadBalancerClass }),
    ...(spec.loadBalancerIP === undefined ? {} : { loadBalancerIP: spec.loadBalancerIP }),
  };
}

function servicePort(port: GatewayPort, present: readonly V1ServicePort[]): V1ServicePort {
  const nodePort = port.nodePort ?? present.find((one) => one.port === port.port)?.nodePort;
  return {
    name: port.name ?? `port-${port.port}`,
    port: port.port,
    // Gateways name application protocols (HTTP, HTTPS) here; a Service knows transports.
    protocol: port.protocol === 'UDP' ? 'UDP' : 'TCP',
    // 0 stands for "the same" in the vendor's own example.
    targetPort: port.targetPort === undefined || port.targetPort === 0 ? port.port : port.targetPort,
    ...(nodePort === undefined ? {} : { nodePort }),
  };
}

function changes(present: object, wanted: object): Record<string, unknown> {
  const before = new Map(Object.entries(present));
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => !isSame(before.get(key), value)));
}

/** Whether `present` says all that `wanted` says; what the API server adds by itself is no difference. */
function isSame(present: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(present) &&
      present.length === wanted.length &&
      wanted.every((one, index) => isSame(present[index], one))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return present === wanted;
  if (typeof present !== 'object' || present === null) return false;
  const before = new Map(Object.entries(present));
  return Object.entries(wanted).every(([key, value]) => isSame(before.get(key), value));
}
