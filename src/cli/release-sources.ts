import type { ClbClient } from '../adapters/clb/clb-client.ts';
import { clbLoadBalancer } from '../adapters/clb/load-balancer.ts';
import type { Cluster, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { findService, listServices } from '../adapters/kubernetes/objects.ts';
import { readAnnotation } from '../domain/annotations.ts';
import { type Draft, isPair } from '../domain/draft.ts';
import {
  type Release,
  type ReleasingBalancer,
  type ReleasingGroup,
  releaseOf,
  type ServiceToRelease,
} from '../domain/release.ts';
import { releaseProblems } from '../domain/release-problems.ts';
import type { Route } from '../domain/spec.ts';
import { type InputProblem, InvalidInputError, TerminalError } from '../ports/errors.ts';
import { clusterNamed } from './gateway-sources.ts';

/** Written by the cloud controller: the CLB that it made, or was told to use (reference A10). */
const balancerLabel = 'service.k8s.alibaba/loadbalancer-id';
const classKey = 'service.beta.kubernetes.io/class';

type ServiceObject = NonNullable<Awaited<ReturnType<typeof findService>>>;

/** A source of the migration, and where in the file it stands. */
interface Source {
  readonly path: string;
  readonly cluster: Cluster;
  readonly object: ServiceObject;
  /** Of the long form, which names CLB and groups itself. */
  readonly route: Route | null;
}

/**
 * What is to be released for the sources of a migration. Reads only.
 * @throws InvalidInputError with everything that stands in the way, of all of them
 */
export async function findReleases(
  clients: KubernetesClients,
  clb: ClbClient,
  draft: Draft,
): Promise<readonly Release[]> {
  const sources = await findSources(clients, draft);
  const found = await Promise.all(sources.map((source) => readRelease(clb, source)));
  const problems = found.flatMap((one) => one.problems);
  if (problems.length > 0) throw new InvalidInputError(problems);
  return found.flatMap(({ release }) => (release === null ? [] : [release]));
}

/** The Service as it is now, for the write that follows. @throws InvalidInputError where it is gone */
export async function readReleasingService(cluster: Cluster, { namespace, name }: { namespace: string; name: string }) {
  const object = await findService(cluster, namespace, name);
  if (object === null) throw noService('spec.source', cluster, namespace, name);
  const { resourceVersion = '', labels = {} } = object.metadata ?? {};
  return {
    service: serviceOf(cluster, object),
    resourceVersion,
    hash: labels['service.beta.kubernetes.io/hash'] ?? null,
  };
}

export async function readGroups(clb: ClbClient, loadBalancer: string): Promise<readonly ReleasingGroup[]> {
  const groups = await clb.describeVServerGroups(loadBalancer);
  return Promise.all(
    groups.map(async ({ VServerGroupId: id, VServerGroupName: name }) => {
      const { BackendServers } = await clb.describeVServerGroupAttribute(id);
      const backends = BackendServers.BackendServer.map(({ ServerId, ServerIp, Port, Weight, Description }) => ({
        key: [ServerId, ServerIp, Port].filter((part) => part !== '').join('/'),
        description: Description,
        weight: Weight,
      }));
      return { id, name, backends };
    }),
  );
}

async function findSources(clients: KubernetesClients, { routes }: Draft): Promise<readonly Source[]> {
  if (!isPair(routes)) {
    if (routes.length === 0) {
      throw problem('spec.routes', 'moves subsets of hosts inside of the mesh: no load balancer is shared');
    }
    return Promise.all(routes.map((route, index) => ofRoute(clients, route, `spec.routes[${index}].source`)));
  }
  const { cluster: named, namespace, name } = routes.source;
  const places = named === null ? clients.clusters : [clusterNamed(clients, named)];
  for (const cluster of places) {
    const family = await familyOf(cluster, namespace, name);
    if (family.length > 0) {
      return family.map((object) => ({ path: 'spec.source', cluster, object, route: null }));
    }
  }
  const where = places.map((cluster) => cluster.name).join(', ');
  throw problem('spec.source', `there is no Service ${namespace}/${name} in ${where}`);
}

async function ofRoute(clients: KubernetesClients, route: Route, path: string): Promise<Source> {
  const { namespace, name } = route.source;
  const cluster = clusterNamed(clients, route.source.cluster);
  const object = await findService(cluster, namespace, name);
  if (object === null) throw noService(path, cluster, namespace, name);
  return { path, cluster, object, route };
}

/** The Service, and those with the same pods that are on further CLBs. */
async function familyOf(cluster: Cluster, namespace: string, name: string): Promise<readonly ServiceObject[]> {
  const first = await findService(cluster, namespace, name);
  if (first === null) return [];
  const selector = selectorText(first);
  const all = selector === '[]' ? [] : await listServices(cluster, namespace);
  const more = all.filter(
    (one) => one.metadata?.name !== name && one.spec?.type === 'LoadBalancer' && selectorText(one) === selector,
  );
  return [first, ...more];
}

function selectorText({ spec }: ServiceObject): string {
  return JSON.stringify(Object.entries(spec?.selector ?? {}).sort());
}

async function readRelease(
  clb: ClbClient,
  { path, cluster, object, route }: Source,
): Promise<{ readonly release: Release | null; readonly problems: readonly InputProblem[] }> {
  const service = serviceOf(cluster, object);
  const known = readAnnotation(service.annotations, 'id') || object.metadata?.labels?.[balancerLabel];
  const id = known ?? route?.loadBalancer ?? '';
  const refused = (messages: readonly string[]) => ({
    release: null,
    problems: messages.map((message) => ({ path, message })),
  });
  const of = `Service ${cluster.name}/${service.namespace}/${service.name}`;
  if (id === '')
    return refused([`the cloud controller has not said which CLB it made for ${of}: label ${balancerLabel}`]);
  const balancer = await readBalancer(clb, id);
  if (balancer === null) return refused([`${of} is on ${id}, and the CLB has no instance of that id`]);
  const problems = releaseProblems(service, balancer);
  if (problems.length > 0) return refused(problems);
  const release = releaseOf(service, balancer);
  const differing = route === null ? [] : routeDifferences(route, release);
  return differing.length > 0 ? refused(differing) : { release, problems: [] };
}

/** What the file's long form says of CLB and groups must be what is there. */
function routeDifferences({ loadBalancer, ports }: Route, release: Release): readonly string[] {
  if (loadBalancer !== release.loadBalancer) {
    return [`the Service is on ${release.loadBalancer}, and the route says ${loadBalancer}`];
  }
  return ports.flatMap(({ port, group }) => {
    const found = release.groups.find((one) => one.port === port)?.group.id ?? 'no group';
    return found === group ? [] : [`port ${port} leads to ${found}, and the route says ${group}`];
  });
}

async function readBalancer(clb: ClbClient, id: string): Promise<ReleasingBalancer | null> {
  const loadBalancer = clbLoadBalancer(clb);
  const found = await loadBalancer.describe(id);
  if (found === null) return null;
  const { tags } = found;
  if (tags === null)
    throw new TerminalError(`the tags of ${id} cannot be read; missing permission: slb:ListTagResources`);
  const [attribute, listeners, groups] = await Promise.all([
    clb.describeLoadBalancerAttribute(id),
    loadBalancer.describeListeners(id),
    readGroups(clb, id),
  ]);
  return { id, name: attribute.LoadBalancerName, address: found.address, tags, listeners, groups };
}

function serviceOf({ name: cluster }: Cluster, { metadata, spec, status }: ServiceObject): ServiceToRelease {
  const annotations = metadata?.annotations ?? {};
  const ingress = status?.loadBalancer?.ingress ?? [];
  const otherClass = spec?.loadBalancerClass ?? annotations[classKey];
  return {
    cluster,
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    type: spec?.type ?? 'ClusterIP',
    otherClass: otherClass === undefined || otherClass === '' ? null : otherClass,
    annotations,
    addresses: ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    ports: (spec?.ports ?? []).map(({ port }) => port),
  };
}

function noService(path: string, cluster: Cluster, namespace: string, name: string): InvalidInputError {
  return problem(path, `there is no Service ${namespace}/${name} in ${cluster.name}`);
}

function problem(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }]);
}
