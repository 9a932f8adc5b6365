import { parseVgroupPort, readAnnotation } from '../annotations.ts';
import type { PortMapping } from '../spec.ts';

/** A Service of the source as far as the target's gateway is made after it. */
export interface SourceSide {
  readonly cluster: string;
  /** The cluster's id at Alibaba Cloud. */
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly type: string;
  readonly loadBalancerClass: string | null;
  readonly externalTrafficPolicy: string | null;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly SourcePort[];
}

export interface SourcePort {
  readonly name: string | null;
  readonly port: number;
  readonly targetPort: number | string | null;
  readonly nodePort: number | null;
  readonly protocol: string;
}

/** How big the source is, so that the target can carry all of its traffic (reference E33); null where it cannot be told. */
export interface SourceScale {
  readonly replicas: number;
  readonly resources: Readonly<Record<string, unknown>> | null;
  readonly autoscaler: { readonly min: number; readonly max: number; readonly cpuPerCent: number | null } | null;
}

/** One load balancer that the gateway is to share: the source's Service on it, and what it maps. */
export interface SharedBalancer {
  readonly loadBalancer: string;
  readonly source: SourceSide;
  readonly ports: readonly PortMapping[];
}

export function serviceName({ cluster, namespace, name }: SourceSide): string {
  return `Service ${cluster}/${namespace}/${name}`;
}

/** The ports and groups that a Service maps now; a space in the annotation is left out, the controller would keep it. */
export function mappingsOf(source: SourceSide): readonly PortMapping[] {
  const text = readAnnotation(source.annotations, 'vgroup-port') ?? '';
  const pairs = text === '' ? [] : (parseVgroupPort(text) ?? []);
  return pairs.map(({ port, group }) => ({ port: Number(port.trim()), group: group.trim() }));
}

/** Why a gateway cannot share what a Service is on: each reason with what to do about it. */
export function sharingProblems({ loadBalancer, source, ports }: SharedBalancer): readonly string[] {
  const of = serviceName(source);
  const id = readAnnotation(source.annotations, 'id') ?? '';
  if (source.type !== 'LoadBalancer') return [`${of} is no LoadBalancer but ${source.type}`];
  if (source.loadBalancerClass !== null) {
    return [`${of} has loadBalancerClass ${source.loadBalancerClass}: only Classic Load Balancers can be shared`];
  }
  if (id === '') {
    return [
      `${of} names no CLB: give it loadbalancer-id, loadbalancer-vgroup-port, loadbalancer-weight "100" and loadbalancer-force-override-listeners "false" first`,
    ];
  }
  if (id !== loadBalancer) return [`${of} is on ${id}, and the route says ${loadBalancer}`];
  const text = readAnnotation(source.annotations, 'vgroup-port') ?? '';
  if (text === '') return [`${of} maps no port to a vServer group: give it loadbalancer-vgroup-port first`];
  const own = mappingsOf(source);
  if (own.length === 0) return [`${of} has a vgroup-port that cannot be read: ${JSON.stringify(text.slice(0, 200))}`];
  return [
    ...ports
      .filter(({ port }) => !source.ports.some((one) => one.port === port))
      .map(({ port, group }) => `${of} has no port ${port}, to which ${group} is mapped`),
    ...own
      .filter((mine) => !ports.some(({ port, group }) => port === mine.port && group === mine.group))
      .map(({ port, group }) => `${of} maps port ${port} to ${group}, and the route does not: it would go dark`),
    ...ports
      .filter((asked) => !own.some(({ port, group }) => port === asked.port && group === asked.group))
      .map(({ port, group }) => `the route maps port ${port} to ${group}, and ${of} does not`),
  ];
}

/** What stands in nobody's way and is still worth knowing before anything moves. */
export function sharingNotes({ source, ports }: SharedBalancer): readonly string[] {
  const of = serviceName(source);
  const text = readAnnotation(source.annotations, 'vgroup-port') ?? '';
  const left = source.ports.filter(({ port }) => !ports.some((mapped) => mapped.port === port));
  const named = ports.filter((mapped) => typeof targetOf(source, mapped)?.targetPort === 'string');
  return [
    ...(/\s/.test(text)
      ? [`${of} has a space in vgroup-port: the controller does not sync what stands behind it; take it out`]
      : []),
    ...(readAnnotation(source.annotations, 'weight') === null
      ? [`${of} has no weight: give it "100" before the gateway gets one`]
      : []),
    ...(left.length === 0
      ? []
      : [`ports of ${of} that no vServer group has are left out: ${left.map(({ port }) => port).join(', ')}`]),
    ...named.map(
      ({ port }) => `port ${port} of ${of} leads to a named port of its pods: the gateway gets ${port} there`,
    ),
    ...(source.externalTrafficPolicy === 'Local'
      ? [`${of} has externalTrafficPolicy Local: pods on nodes without a gateway cannot reach the CLB’s address`]
      : []),
  ];
}

export function targetOf(source: SourceSide, { port }: PortMapping): SourcePort | null {
  return source.ports.find((one) => one.port === port) ?? null;
}

/** A Service with this selector takes in pods with these labels. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(selector);
  return entries.length > 0 && entries.every(([key, value]) => labels[key] === value);
}
