import { type AnnotationSuffix, annotationKey, readAnnotation, spellings } from '../annotations.ts';
import { podLabelsOf } from './rules.ts';
import { gatewayApiVersion, gatewayKind, serverlessKey } from './shape.ts';
import { type SharedBalancer, type SourceScale, type SourceSide, targetOf } from './source-side.ts';

/** An object as it is printed and created. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

export interface TargetInput {
  readonly gateway: Named;
  readonly clusterIds: readonly string[];
  /** What the gateway's own Service shares, of each cluster that has a source; the first is what the others have too. */
  readonly shared: readonly SharedBalancer[];
  /** By id of the cluster. */
  readonly scales: Readonly<Record<string, SourceScale>>;
}

const backendTypeKey = 'service.beta.kubernetes.io/backend-type';

/** What the documents give a gateway where nothing is known of the source's pods. */
const usualResources = { limits: { cpu: '2', memory: '2G' }, requests: { cpu: '200m', memory: '256Mi' } };

/**
 * The IstioGateway of a target: on the source's CLB with weight 0, its listeners left alone, as big as the source. The
 * first shared balancer is the base; a cluster whose source is on another one, or is of another size, gets an override,
 * which says all of its annotations again, because how the two go together is not documented (reference C2).
 */
export function targetGateway({ gateway, clusterIds, shared, scales }: TargetInput): Manifest {
  const [first, ...others] = shared;
  if (first === undefined) throw new RangeError('a gateway needs a load balancer to share');
  const base = sizeOf(scales[first.source.clusterId]);
  const overrides = others.flatMap((other) => {
    const own = overrideOf(first, other, base, scales[other.source.clusterId]);
    return own === null ? [] : [[other.source.clusterId, own] as const];
  });
  return {
    apiVersion: gatewayApiVersion,
    kind: gatewayKind,
    metadata: { name: gateway.name, namespace: gateway.namespace },
    spec: {
      gatewayType: 'ingress',
      clusterIds,
      serviceType: 'LoadBalancer',
      externalTrafficPolicy: first.source.externalTrafficPolicy ?? 'Cluster',
      ...base,
      rollingMaxSurge: '100%',
      rollingMaxUnavailable: '25%',
      ports: gatewayPorts(shared),
      serviceAnnotations: reuseAnnotations(first),
      ...(overrides.length === 0 ? {} : { overrides: Object.fromEntries(overrides) }),
    },
  };
}

/** A further Service in front of the gateway's pods, for a second CLB. `nodePortFor` hands out one that nobody else has. */
export function additionalService(
  { namespace, name }: Named,
  gateway: Named,
  shared: SharedBalancer,
  nodePortFor: (port: number, near: number | null) => number,
): Manifest {
  const { source, ports } = shared;
  const selector = podLabelsOf(gateway.name);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: selector, annotations: reuseAnnotations(shared) },
    spec: {
      type: 'LoadBalancer',
      externalTrafficPolicy: source.externalTrafficPolicy ?? 'Cluster',
      selector,
      ports: ports.map((mapping) => {
        const { nodePort = null } = targetOf(source, mapping) ?? {};
        return { ...portOf(source, mapping.port), nodePort: nodePortFor(mapping.port, nodePort) };
      }),
      sessionAffinity: 'None',
    },
  };
}

/** A gateway whose pods the mesh runs itself, for traffic to several clusters (seed: serverless ingress gateway). */
export function serverlessGateway({ namespace, name }: Named): Manifest {
  return {
    apiVersion: gatewayApiVersion,
    kind: gatewayKind,
    metadata: { name, namespace, annotations: { [serverlessKey]: 'true' } },
    spec: {
      gatewayType: 'ingress',
      dnsPolicy: 'ClusterFirst',
      externalTrafficPolicy: 'Local',
      hostNetwork: false,
      ports: [
        { name: 'http', port: 80, protocol: 'TCP', targetPort: 80 },
        { name: 'https', port: 443, protocol: 'TCP', targetPort: 443 },
      ],
      replicaCount: 1,
      resources: usualResources,
      rollingMaxSurge: '100%',
      rollingMaxUnavailable: '25%',
      serviceType: 'LoadBalancer',
    },
  };
}

/** Every annotation that shares a CLB is written out: what is left to a default differs between Service and gateway. */
function reuseAnnotations({ loadBalancer, source, ports }: SharedBalancer): Readonly<Record<string, string>> {
  const groups = ports.map(({ group, port }) => `${group}:${port}`).join(',');
  const backendType = source.annotations[backendTypeKey];
  return {
    ...copied(source, 'address-type'),
    ...(backendType === undefined ? {} : { [backendTypeKey]: backendType }),
    [annotationKey('id')]: loadBalancer,
    [annotationKey('force-override-listeners')]: 'false',
    [annotationKey('vgroup-port')]: groups,
    [annotationKey('weight')]: '0',
  };
}

/** In the spelling that the source has it in: the mesh's own default for it may have either. */
function copied(source: SourceSide, suffix: AnnotationSuffix): Readonly<Record<string, string>> {
  const key = spellings(suffix).find((one) => source.annotations[one] !== undefined);
  const value = readAnnotation(source.annotations, suffix);
  return key === undefined || value === null ? {} : { [key]: value };
}

/** Ports of all sources, each once: one list serves all clusters. */
function gatewayPorts(shared: readonly SharedBalancer[]): readonly object[] {
  const byNumber = new Map<number, object>();
  for (const { source, ports } of shared) {
    for (const { port } of ports) if (!byNumber.has(port)) byNumber.set(port, portOf(source, port));
  }
  return [...byNumber.values()];
}

function portOf(source: SourceSide, port: number) {
  const found = targetOf(source, { port, group: '' });
  const { name = null, targetPort = null, protocol = 'TCP' } = found ?? {};
  return {
    name: name ?? `port-${port}`,
    port,
    // A named port is a name of the source's pods; those of the gateway need not have it.
    targetPort: typeof targetPort === 'number' ? targetPort : port,
    protocol,
  };
}

function sizeOf(scale: SourceScale | undefined): Readonly<Record<string, unknown>> {
  const { autoscaler = null, replicas = 1, resources = null } = scale ?? {};
  return {
    replicaCount: replicas,
    ...(autoscaler === null
      ? {}
      : {
          minReplicas: autoscaler.min,
          maxReplicas: autoscaler.max,
          ...(autoscaler.cpuPerCent === null ? {} : { cpu: { targetAverageUtilization: autoscaler.cpuPerCent } }),
        }),
    resources: resources ?? usualResources,
  };
}

function overrideOf(
  first: SharedBalancer,
  other: SharedBalancer,
  base: Readonly<Record<string, unknown>>,
  scale: SourceScale | undefined,
): Readonly<Record<string, unknown>> | null {
  const annotations = reuseAnnotations(other);
  const isSame = JSON.stringify(annotations) === JSON.stringify(reuseAnnotations(first));
  const own = scale === undefined ? [] : Object.entries(sizeOf(scale));
  const size = own.filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(base[field]));
  const override = { ...Object.fromEntries(size), ...(isSame ? {} : { serviceAnnotations: annotations }) };
  return Object.keys(override).length === 0 ? null : override;
}
