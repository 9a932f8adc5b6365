import type { ClbClient } from '../adapters/clb/clb-client.ts';
import { clbLoadBalancer } from '../adapters/clb/load-balancer.ts';
import type { Cluster, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { findService, listAll } from '../adapters/kubernetes/objects.ts';
import { selects } from '../domain/gateway/source-side.ts';
import { isSubset, meshDestinationsOf } from '../domain/mesh-config.ts';
import { fullHost, labelsAt, placeOfObject } from '../domain/mesh-object.ts';
import { isMarkOf } from '../domain/release.ts';
import type { RetirementFacts, RetiringRoute } from '../domain/retirement.ts';
import type { Route } from '../domain/spec.ts';
import { NotFoundError, TerminalError } from '../ports/errors.ts';
import { findConfigSides, readSourceConfig } from './config-sources.ts';
import { clusterNamed } from './gateway-sources.ts';

/** What the clusters and the CLB tell of a source that is to go. Reads only. */
export type PlaceFacts = Pick<RetirementFacts, 'routes' | 'naming' | 'selecting' | 'unmoved'>;

type ServiceObject = NonNullable<Awaited<ReturnType<typeof findService>>>;

/** @throws NotFoundError where a source or its CLB is not there any more */
export async function readPlaceFacts(
  clients: KubernetesClients,
  mesh: string,
  clb: ClbClient,
  routes: readonly Route[],
): Promise<PlaceFacts> {
  const retiring = await Promise.all(routes.map((route) => readRoute(clients, clb, route)));
  const clusters = [...new Set(routes.map(({ source }) => clusterNamed(clients, source.cluster)))];
  const found = await Promise.all(clusters.map((cluster) => readCluster(clients, cluster, mesh, routes)));
  return {
    routes: retiring,
    naming: found.flatMap(({ naming }) => naming),
    selecting: found.flatMap(({ selecting }) => selecting),
    unmoved: found.flatMap(({ unmoved }) => unmoved),
  };
}

async function readRoute(clients: KubernetesClients, clb: ClbClient, route: Route): Promise<RetiringRoute> {
  const { namespace, name } = route.source;
  const cluster = clusterNamed(clients, route.source.cluster);
  const of = `Service ${cluster.name}/${namespace}/${name}`;
  const loadBalancer = clbLoadBalancer(clb);
  const [service, balancer, attribute, groups] = await Promise.all([
    findService(cluster, namespace, name),
    loadBalancer.describe(route.loadBalancer),
    clb.describeLoadBalancerAttribute(route.loadBalancer),
    loadBalancer.describeGroups(route.loadBalancer, route.ports),
  ]);
  if (service === null) throw new NotFoundError(`${of} is not there: it is gone already`);
  if (balancer === null) throw new NotFoundError(`the CLB has no ${route.loadBalancer}`);
  const { tags } = balancer;
  if (tags === null) {
    throw new TerminalError(
      `the tags of ${route.loadBalancer} cannot be read; missing permission: slb:ListTagResources`,
    );
  }
  const sum = (weights: readonly { readonly weight: number }[]) => weights.reduce((all, { weight }) => all + weight, 0);
  return {
    service: of,
    uid: service.metadata?.uid ?? '',
    annotations: service.metadata?.annotations ?? {},
    loadBalancer: route.loadBalancer,
    balancerName: attribute.LoadBalancerName,
    tags,
    ports: groups.map(({ port, group, backends }) => ({
      port,
      group,
      sourceWeight: sum(backends.filter((one) => isMarkOf(one.description, { namespace, name }))),
      otherWeight: sum(backends.filter((one) => !isMarkOf(one.description, { namespace, name }))),
    })),
  };
}

/** What in one cluster still leads to the pods of its sources. */
async function readCluster(clients: KubernetesClients, cluster: Cluster, mesh: string, routes: readonly Route[]) {
  const sources = routes.map(({ source }) => source).filter(({ cluster: of }) => clusterNamed(clients, of) === cluster);
  const [services, config, meshConfig, sides] = await Promise.all([
    listAll(cluster, { verb: 'list', resource: 'services', namespace: null }, ({ core }, paging) =>
      core.listServiceForAllNamespaces(paging),
    ),
    readSourceConfig(cluster),
    readSourceConfig(clients.mesh(mesh)),
    findConfigSides(clients, mesh, { routes: routes.filter(({ source }) => sources.includes(source)) }),
  ]);
  const { pods } = sides;
  const isSource = ({ metadata }: ServiceObject) =>
    sources.some(({ namespace, name }) => namespace === metadata?.namespace && name === metadata.name);
  const hosts = sources.map(({ namespace, name }) => fullHost(name, namespace));
  const copied = new Set(meshConfig.gateways.map(placeOfObject));
  return {
    naming: [
      ...services.filter((one) => leadsTo(one, hosts)).map((one) => nameOf(cluster, one)),
      ...config.virtualServices
        .filter((one) => meshDestinationsOf(one).some((host) => hosts.includes(host)))
        .map((one) => `${placeOfObject(one)} in ${cluster.name}`),
    ],
    selecting: services
      .filter((one) => !isSource(one) && one.metadata?.namespace === pods.namespace)
      .filter(({ spec }) => selects(spec?.selector ?? {}, pods.labels))
      .map((one) => nameOf(cluster, one)),
    unmoved: config.gateways
      .filter(({ spec }) => isSubset(labelsAt(spec, 'selector'), pods.labels))
      .map(placeOfObject)
      .filter((place) => !copied.has(place)),
  };
}

/** A Service that is another name for the source. */
function leadsTo({ spec }: ServiceObject, hosts: readonly string[]): boolean {
  return spec?.type === 'ExternalName' && hosts.includes(fullHost(spec.externalName ?? '', ''));
}

function nameOf({ name }: Cluster, { metadata }: ServiceObject): string {
  return `Service ${name}/${metadata?.namespace}/${metadata?.name}`;
}
