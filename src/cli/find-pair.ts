import { parseVgroupPort, readAnnotation } from '../domain/annotations.ts';

/** What was read of both sides, as far as finding a pair of gateways needs it. */
export interface Found {
  readonly services: readonly ServiceFound[];
  readonly gateways: readonly GatewayFound[];
  /** Gateways and VirtualServices of the source's own Istio, for a probe that fits. */
  readonly listeners: readonly ListenerFound[];
  readonly virtualServices: readonly VirtualServiceFound[];
}

export interface ServiceFound {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
}

export interface GatewayFound {
  readonly mesh: string;
  readonly namespace: string;
  readonly name: string;
  /** Annotations of its Services: the gateway's own, and those of each override that has some. */
  readonly serviceAnnotations: readonly Readonly<Record<string, string>>[];
}

export interface ListenerFound {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
}

export interface VirtualServiceFound {
  readonly cluster: string;
  readonly namespace: string;
  readonly gateways: readonly string[];
  readonly hosts: readonly string[];
  readonly exactPaths: readonly string[];
}

export interface Pair {
  readonly source: ServiceFound;
  readonly target: GatewayFound;
  readonly loadBalancer: string;
  /** vServer groups that both map, as `group:port`. */
  readonly groups: readonly string[];
  readonly probe: { readonly host: string; readonly path: string } | null;
}

/** Every Service and IstioGateway that name the same CLB and share a vServer group behind a port of it. */
export function findPairs(found: Found): readonly Pair[] {
  return found.services
    .filter((service) => !isOfGateway(service, found))
    .flatMap((source) =>
      found.gateways.flatMap((target) => {
        const loadBalancer = readAnnotation(source.annotations, 'id') ?? '';
        const groups = sharedGroups(source, target);
        if (loadBalancer === '' || groups.length === 0) return [];
        return [{ source, target, loadBalancer, groups, probe: probeFor(source, found) }];
      }),
    );
}

/** Why nothing was found: what is there, and what each of it lacks. */
export function describeLack(found: Found): readonly string[] {
  const services = found.services.filter((service) => !isOfGateway(service, found));
  return [
    ...(services.length === 0 ? ['No Service of type LoadBalancer was found that is not an IstioGateway’s own.'] : []),
    ...(found.gateways.length === 0 ? ['No IstioGateway was found.'] : []),
    ...services.map((service) => `Service ${placeOf(service)}: ${useOf([service.annotations])}`),
    ...found.gateways.map((gateway) => `IstioGateway ${placeOf(gateway)}: ${useOf(gateway.serviceAnnotations)}`),
    'A pair names the same CLB (loadbalancer-id) and maps a port to the same vServer group (vgroup-port), without spaces.',
  ];
}

export function placeOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** The Service that ASM makes of an IstioGateway, and further Services of the same pods, are a target. */
function isOfGateway(service: ServiceFound, { services, gateways }: Found): boolean {
  const own = services.filter((one) =>
    gateways.some(({ namespace, name }) => one.namespace === namespace && one.name === `istio-${name}`),
  );
  return own.some(
    (one) => one === service || (one.cluster === service.cluster && isSame(one.selector, service.selector)),
  );
}

function sharedGroups(source: ServiceFound, target: GatewayFound): readonly string[] {
  const loadBalancer = readAnnotation(source.annotations, 'id');
  const mapped = new Set(
    target.serviceAnnotations.filter((one) => readAnnotation(one, 'id') === loadBalancer).flatMap(groupsOf),
  );
  return groupsOf(source.annotations).filter((group) => mapped.has(group));
}

function groupsOf(annotations: Readonly<Record<string, string>>): readonly string[] {
  const text = readAnnotation(annotations, 'vgroup-port') ?? '';
  return text === '' ? [] : (parseVgroupPort(text) ?? []).map(({ group, port }) => `${group}:${port}`);
}

/** A host and a path that the source serves now, so that the probe is green before anything moves. */
function probeFor(source: ServiceFound, found: Found): Pair['probe'] {
  const listeners = found.listeners.filter(
    (listener) => listener.cluster === source.cluster && isBoundTo(listener.selector, source.selector),
  );
  for (const listener of listeners) {
    const routed = found.virtualServices.filter((one) => one.cluster === listener.cluster && names(one, listener));
    for (const { hosts, exactPaths } of routed) {
      const host = [...hosts, ...listener.hosts].map(withoutNamespace).find(isConcrete);
      if (host !== undefined) return { host, path: exactPaths[0] ?? '/' };
    }
  }
  const host = listeners.flatMap(({ hosts }) => hosts.map(withoutNamespace)).find(isConcrete);
  return host === undefined ? null : { host, path: '/' };
}

function names(virtualService: VirtualServiceFound, { namespace, name }: ListenerFound): boolean {
  const full = `${namespace}/${name}`;
  return virtualService.gateways.some(
    (gateway) => gateway === full || (gateway === name && virtualService.namespace === namespace),
  );
}

/** A Gateway binds to the pods that carry all of its selector's labels; the Service's selector tells which labels they carry. */
function isBoundTo(selector: ListenerFound['selector'], labels: ServiceFound['selector']): boolean {
  const entries = Object.entries(selector);
  return entries.length > 0 && entries.every(([key, value]) => labels[key] === value);
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  return isBoundTo(one, other) && isBoundTo(other, one);
}

/** Hosts of a Gateway may be written `namespace/host`. */
function withoutNamespace(host: string): string {
  return host.slice(host.indexOf('/') + 1);
}

function isConcrete(host: string): boolean {
  return host !== '' && !host.includes('*') && host !== 'localhost';
}

function useOf(annotations: readonly Readonly<Record<string, string>>[]): string {
  const uses = annotations.flatMap((one) => {
    const id = readAnnotation(one, 'id');
    return id === null ? [] : [`${id} with ${readAnnotation(one, 'vgroup-port') ?? 'no vServer group'}`];
  });
  return uses.length === 0 ? 'names no CLB' : uses.join('; ');
}
