import { fieldsOf, listOf } from './gateway/finding.ts';
import {
  coversHost,
  fullHost,
  type Labels,
  labelsAt,
  type MeshObject,
  placeOfObject,
  textAt,
  textsAt,
} from './mesh-object.ts';

/** What the source's own Istio has, of every namespace. */
export interface SourceConfig {
  readonly gateways: readonly MeshObject[];
  readonly virtualServices: readonly MeshObject[];
  readonly destinationRules: readonly MeshObject[];
  readonly serviceEntries: readonly MeshObject[];
  /** Kinds that are never copied: told where they act on the gateway. */
  readonly others: readonly MeshObject[];
}

/** The pods of a gateway: what its configuration selects. */
export interface GatewayPods {
  readonly namespace: string;
  readonly labels: Labels;
}

export interface TargetPods extends GatewayPods {
  /** Service ports of the gateway; null where they are not known. */
  readonly ports: readonly number[] | null;
}

/** What stays behind, and why. */
export interface LeftOut {
  readonly object: string;
  readonly reason: string;
  /** The target does not serve what the source serves until it is seen to. */
  readonly isNeeded: boolean;
}

export interface MeshConfig {
  /** In the order in which they are created: a Gateway last, so that nothing is served half. */
  readonly objects: readonly MeshObject[];
  readonly leftOut: readonly LeftOut[];
  readonly notes: readonly string[];
}

/** What the target needs to serve the same as the source (seed: Migrate configurations; reference D). Copies only. */
export function meshConfigOf(source: SourceConfig, pods: GatewayPods, target: TargetPods): MeshConfig {
  const bound = source.gateways.filter(({ spec }) => isSubset(labelsAt(spec, 'selector'), pods.labels));
  const rewritten = bound.map((gateway) => ({ gateway, ...rewriteSelector(gateway, target) }));
  const gateways = rewritten.flatMap(({ copy }) => (copy === null ? [] : [copy]));
  const virtualServices = belongingServices(source.virtualServices, gateways);
  const hosts = virtualServices.flatMap(meshDestinationsOf);
  const destinationRules = source.destinationRules.filter((rule) => {
    const host = textAt(rule.spec, 'host');
    return host !== null && hosts.some((one) => coversHost(fullHost(host, rule.metadata.namespace), one));
  });
  const serviceEntries = source.serviceEntries.filter(({ spec }) =>
    textsAt(spec, 'hosts').some((host) => hosts.some((one) => coversHost(host, one))),
  );
  return {
    objects: [...serviceEntries, ...destinationRules, ...virtualServices, ...gateways],
    leftOut: rewritten.flatMap(({ gateway, reason }) =>
      reason === null ? [] : [{ object: placeOfObject(gateway), reason, isNeeded: true }],
    ),
    notes: [
      ...rewritten.flatMap(({ notes }) => notes),
      ...gateways.flatMap((gateway) => portNotes(gateway, target)),
      ...virtualServices.flatMap((one) => gatewayNotes(one, gateways)),
      ...serviceEntries
        .filter(({ spec }) => fieldsOf(spec)['workloadSelector'] !== undefined)
        .map((one) => `${placeOfObject(one)} selects workloads: their WorkloadEntries are not copied`),
    ],
  };
}

/** Whether pods with these labels are meant by a selector; an empty one means all. */
export function isSubset(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

interface Rewritten {
  readonly copy: MeshObject | null;
  readonly reason: string | null;
  readonly notes: readonly string[];
}

/** The labels by which gateways differ get the target's values; every other must be on the target's pods as it is. */
const namingLabels: readonly string[] = ['istio', 'app'];

function rewriteSelector(gateway: MeshObject, target: TargetPods): Rewritten {
  const selector = labelsAt(gateway.spec, 'selector');
  const place = placeOfObject(gateway);
  const name = target.labels['istio'];
  if (Object.keys(selector).length === 0 && name !== undefined) {
    const note = `${place} selects every gateway; its copy selects ${name} alone`;
    return { copy: withSelector(gateway, { istio: name }), reason: null, notes: [note] };
  }
  const bad = Object.entries(selector).filter(([key, value]) => {
    const own = target.labels[key];
    return own === undefined || (own !== value && !namingLabels.includes(key));
  });
  if (bad.length > 0) {
    const labels = bad.map(([key, value]) => `${key}=${value}`).join(', ');
    const reason = `selects pods by ${labels}, which the target's have not; adding it to spec.podLabels of the IstioGateway restarts them`;
    return { copy: null, reason, notes: [] };
  }
  const rewritten = Object.fromEntries(Object.keys(selector).map((key) => [key, target.labels[key] ?? '']));
  return { copy: withSelector(gateway, rewritten), reason: null, notes: [] };
}

function withSelector(gateway: MeshObject, selector: Labels): MeshObject {
  return { ...gateway, spec: { ...gateway.spec, selector } };
}

/** Those that name one of the gateways, and those that they hand requests on to. */
function belongingServices(all: readonly MeshObject[], gateways: readonly MeshObject[]): readonly MeshObject[] {
  const names = new Set(gateways.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`));
  const found = new Set(all.filter((one) => gatewaysOf(one).some((gateway) => names.has(gateway))));
  // A set grows while it is gone through, and each is in it once: delegates of delegates end.
  for (const one of found) {
    for (const delegate of delegatesOf(one)) {
      const next = all.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === delegate);
      if (next !== undefined) found.add(next);
    }
  }
  return [...found];
}

/** `namespace/name` of the gateways that a VirtualService names. */
function gatewaysOf({ spec, metadata }: MeshObject): readonly string[] {
  return textsAt(spec, 'gateways').map((name) =>
    name === meshWord || name.includes('/') ? name : `${metadata.namespace}/${name}`,
  );
}

/** All sidecars, where a gateway is named (Istio's reserved word). */
const meshWord = 'mesh';

function delegatesOf({ spec, metadata }: MeshObject): readonly string[] {
  return listOf(fieldsOf(spec)['http']).flatMap((http) => {
    const delegate = fieldsOf(http)['delegate'];
    const name = textAt(delegate, 'name');
    return name === null ? [] : [`${textAt(delegate, 'namespace') ?? metadata.namespace}/${name}`];
  });
}

/** Full names of the hosts that requests are sent to, mirrors included. */
export function meshDestinationsOf({ spec, metadata: { namespace } }: MeshObject): readonly string[] {
  const routes = ['http', 'tls', 'tcp'].flatMap((key) => listOf(fieldsOf(spec)[key]));
  const hosts = routes.flatMap((route) => {
    const { route: destinations, mirror, mirrors } = fieldsOf(route);
    return [
      ...[...listOf(destinations), ...listOf(mirrors)].map((one) => textAt(fieldsOf(one)['destination'], 'host')),
      textAt(mirror, 'host'),
    ];
  });
  return [...new Set(hosts.flatMap((host) => (host === null ? [] : [fullHost(host, namespace)])))];
}

function portNotes(gateway: MeshObject, { ports }: TargetPods): readonly string[] {
  if (ports === null) return [];
  const listened = listOf(gateway.spec['servers']).flatMap((server) => {
    const { number } = fieldsOf(fieldsOf(server)['port']);
    return typeof number === 'number' ? [number] : [];
  });
  return [...new Set(listened)]
    .filter((port) => !ports.includes(port))
    .map((port) => `${placeOfObject(gateway)} listens on ${port}, which is no port of the target's gateway`);
}

function gatewayNotes(service: MeshObject, gateways: readonly MeshObject[]): readonly string[] {
  const copied = new Set(gateways.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`));
  const named = gatewaysOf(service);
  const others = named.filter((name) => name !== meshWord && !copied.has(name));
  const place = placeOfObject(service);
  return [
    ...(named.includes(meshWord)
      ? [`${place} names mesh as well: its copy acts on sidecars that are connected to the mesh, and on no others`]
      : []),
    ...(others.length === 0 ? [] : [`${place} names gateways that are not copied: ${others.join(', ')}`]),
  ];
}
