import type { Cluster, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { findService, listServices } from '../adapters/kubernetes/objects.ts';
import { readAnnotation } from '../domain/annotations.ts';
import { type Draft, isPair, type Pair } from '../domain/draft.ts';
import { podLabelsOf } from '../domain/gateway/rules.ts';
import { mappingsOf, type SharedBalancer, type SourceSide, selects } from '../domain/gateway/source-side.ts';
import type { Named } from '../domain/gateway/target-manifest.ts';
import type { Route } from '../domain/spec.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { WrongUseError } from './run.ts';

/** What a migration's target is to be, as the file and the clusters tell it. Reads only. */
export interface WantedTarget {
  readonly gateway: Named;
  /** One for each cluster with a source, the migration's own first. */
  readonly shared: readonly SharedBalancer[];
  /** Further Services, for the further CLBs of the same source. */
  readonly additional: readonly AdditionalTarget[];
  readonly notes: readonly string[];
}

export interface AdditionalTarget {
  readonly service: Named;
  readonly shared: SharedBalancer;
}

/** @throws InvalidInputError with all that stands in the way, WrongUseError where a kubeconfig is missing */
export async function findWantedTarget(clients: KubernetesClients, { routes }: Draft): Promise<WantedTarget> {
  return isPair(routes) ? ofPair(clients, routes) : ofRoutes(clients, routes);
}

async function ofPair(clients: KubernetesClients, { source, target }: Pair): Promise<WantedTarget> {
  const places = source.cluster === null ? clients.clusters : [clusterNamed(clients, source.cluster)];
  const others = clients.clusters.filter((cluster) => !places.includes(cluster));
  const found = await Promise.all([...places, ...others].map((cluster) => familyOf(cluster, source)));
  const families = found.filter((family) => family.length > 0);
  const [own] = found.slice(0, places.length).filter((family) => family.length > 0);
  if (own === undefined) {
    const where = places.map(({ name }) => name).join(', ');
    throw wrong('spec.source', `there is no Service ${source.namespace}/${source.name} in ${where}`);
  }
  const ordered = [own, ...families.filter((family) => family !== own)];
  const shared = ordered.flatMap(([first], index) =>
    first === undefined || (index > 0 && !isAttached(first)) ? [] : [balancerOf(first)],
  );
  const without = ordered.flatMap(([first]) =>
    first === undefined || shared.some((one) => one.source === first) ? [] : [first],
  );
  return {
    gateway: target,
    shared,
    additional: await Promise.all(
      ordered.flatMap(([, ...more]) => more.map((one, index) => additionalTo(clients, target, one, index))),
    ),
    notes: without.map(
      ({ cluster, namespace, name }) =>
        `Service ${cluster}/${namespace}/${name} shares no CLB: the gateway there is put behind the first cluster’s`,
    ),
  };
}

/** One that is there for this CLB already, or `istio-<gateway>-2` and so on, as the documents and the examples have it. */
async function additionalTo(
  clients: KubernetesClients,
  gateway: Named,
  source: SourceSide,
  index: number,
): Promise<AdditionalTarget> {
  const cluster = clients.cluster(source.cluster);
  const shared = balancerOf(source);
  const there = (await listServices(cluster, gateway.namespace))
    .map((object) => serviceOf(cluster, object))
    .find(
      (one) => selects(one.selector, podLabelsOf(gateway.name)) && balancerOf(one).loadBalancer === shared.loadBalancer,
    );
  const name = there?.name ?? `istio-${gateway.name}-${index + 2}`;
  return { service: { namespace: gateway.namespace, name }, shared };
}

async function ofRoutes(clients: KubernetesClients, routes: readonly Route[]): Promise<WantedTarget> {
  const found = await Promise.all(
    routes.map(async ({ source, loadBalancer, ports }, index) => {
      const service = await sourceAt(clusterNamed(clients, source.cluster), source);
      if (service !== null) return { loadBalancer, ports, source: service };
      throw wrong(`spec.routes[${index}].source`, `there is no Service ${source.namespace}/${source.name}`);
    }),
  );
  const gateways = routes.flatMap(({ target }) => (target.kind === 'gateway' ? [target] : []));
  const [gateway] = gateways;
  if (gateway === undefined) throw wrong('spec.routes', 'no route names an IstioGateway as its target');
  const problems = routes.flatMap(({ target, source }, index) => {
    if (target.kind === 'service') return [];
    const path = `spec.routes[${index}].target`;
    if (target.name !== gateway.name || target.namespace !== gateway.namespace) {
      return [{ path, message: `is another gateway than ${gateway.name}: give each a file of its own` }];
    }
    const isSecond = routes
      .slice(0, index)
      .some((one) => one.target.kind === 'gateway' && one.source.cluster === source.cluster);
    const message = `the gateway’s Service in ${source.cluster} has a CLB already; for this one name a further Service, such as istio-${gateway.name}-2`;
    return isSecond ? [{ path, message }] : [];
  });
  if (problems.length > 0) throw new InvalidInputError(problems);
  const pick = (kind: 'gateway' | 'service') =>
    routes.flatMap(({ target }, index) => {
      const shared = found[index];
      return target.kind === kind && shared !== undefined ? [{ service: target, shared }] : [];
    });
  return {
    gateway: { namespace: gateway.namespace, name: gateway.name },
    shared: pick('gateway').map(({ shared }) => shared),
    additional: pick('service').map(({ service: { namespace, name }, shared }) => ({
      service: { namespace, name },
      shared,
    })),
    notes: [],
  };
}

/** The Service and those of the same pods that are on further CLBs; none where it is not there. */
async function familyOf(cluster: Cluster, { namespace, name }: Named): Promise<readonly SourceSide[]> {
  const first = await sourceAt(cluster, { namespace, name });
  if (first === null) return [];
  const all = (await listServices(cluster, namespace)).map((object) => serviceOf(cluster, object));
  const more = all.filter((one) => one.name !== name && isAttached(one) && isSamePods(one, first));
  return [first, ...more.sort((a, b) => a.name.localeCompare(b.name))];
}

async function sourceAt(cluster: Cluster, { namespace, name }: Named): Promise<SourceSide | null> {
  const object = await findService(cluster, namespace, name);
  return object === null ? null : serviceOf(cluster, object);
}

function isAttached({ type, annotations }: SourceSide): boolean {
  return type === 'LoadBalancer' && (readAnnotation(annotations, 'id') ?? '') !== '';
}

function isSamePods(one: SourceSide, other: SourceSide): boolean {
  const inOrder = ({ selector }: SourceSide) => JSON.stringify(Object.entries(selector).sort());
  return Object.keys(one.selector).length > 0 && inOrder(one) === inOrder(other);
}

function balancerOf(source: SourceSide): SharedBalancer {
  return { loadBalancer: readAnnotation(source.annotations, 'id') ?? '', source, ports: mappingsOf(source) };
}

type ServiceObject = NonNullable<Awaited<ReturnType<typeof findService>>>;

function serviceOf({ name, id }: Cluster, { metadata, spec }: ServiceObject): SourceSide {
  return {
    cluster: name,
    clusterId: id,
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    annotations: metadata?.annotations ?? {},
    type: spec?.type ?? 'ClusterIP',
    loadBalancerClass: spec?.loadBalancerClass ?? null,
    externalTrafficPolicy: spec?.externalTrafficPolicy ?? null,
    selector: spec?.selector ?? {},
    ports: (spec?.ports ?? []).map(({ name: portName = null, port, targetPort = null, nodePort = null, protocol }) => ({
      name: portName,
      port,
      targetPort,
      nodePort,
      protocol: protocol ?? 'TCP',
    })),
  };
}

/** One kubeconfig given, whatever it was called here, is the one that the file means. */
export function clusterNamed({ clusters }: KubernetesClients, name: string): Cluster {
  const [only, another] = clusters;
  const found = clusters.find((cluster) => cluster.name === name) ?? (another === undefined ? only : undefined);
  if (found !== undefined) return found;
  throw new WrongUseError(`the file names cluster ${name}: give its kubeconfig as --ack-kubeconfig ${name}=FILE`);
}

function wrong(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }]);
}
