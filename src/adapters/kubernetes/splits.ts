import type { V1EndpointSlice, V1Pod, V1Service } from '@kubernetes/client-node';
import { fullHost } from '../../domain/mesh-object.ts';
import type { ServiceReading } from '../../domain/observation.ts';
import {
  type Split,
  type SubsetObservation,
  type SubsetReading,
  type SubsetRoute,
  virtualServiceName,
} from '../../domain/subset-route.ts';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import type { Cluster, KubernetesClient, KubernetesClients } from './clients.ts';
import { subsetLabels } from './destination-rule.ts';
import { assertFence, fenceOf, fieldManager } from './fence.ts';
import { findService, listAll, listSlices } from './objects.ts';
import { serviceReading } from './reading.ts';
import {
  carrierOf,
  destinationRuleResource,
  newVirtualService,
  parseVirtualService,
  splitPatch,
  type VirtualServiceObject,
  virtualServiceResource,
} from './virtual-service.ts';

/** The subsets of a host, from the mesh's API server and the clusters. */
export async function readSplit(clients: KubernetesClients, route: SubsetRoute): Promise<SubsetObservation> {
  const mesh = clients.mesh(route.mesh);
  const [found, rules] = await Promise.all([findVirtualService(mesh, route), listRules(mesh, route)]);
  const labels = subsetLabels(rules, route.host, route.virtualService.namespace);
  const subsets = await Promise.all(
    [...route.from, route.to].map(async (name): Promise<SubsetReading> => {
      const own = labels[name];
      if (own === undefined) return { name, isDefined: false, services: [] };
      return { name, isDefined: true, services: await readServices(clients, route, own) };
    }),
  );
  return { route, carrier: found === null ? null : carrierOf(found, route), subsets };
}

/** @throws FencedError, ConflictError, TransientError, TerminalError */
export async function writeSplit(
  clients: KubernetesClients,
  route: SubsetRoute,
  split: Split,
  fence: number,
): Promise<void> {
  assertSplit(split);
  const mesh = clients.mesh(route.mesh);
  const { namespace, name } = route.virtualService;
  const found = await findVirtualService(mesh, route);
  const object = { ...virtualServiceResource, namespace };
  if (found === null) {
    const body = newVirtualService(route, split, fence);
    await mesh.ask({ verb: 'create', resource: 'virtualservices', namespace, name }, ({ custom }) =>
      custom.createNamespacedCustomObject({ ...object, body, fieldManager }),
    );
    return;
  }
  assertFence(`VirtualService ${virtualServiceName(route)}`, fenceOf(found.metadata.annotations ?? {}), fence);
  const body = splitPatch(found, route, split, fence);
  await mesh.ask({ verb: 'patch', resource: 'virtualservices', namespace, name }, ({ custom, mergePatch }) =>
    custom.patchNamespacedCustomObject({ ...object, name, body, fieldManager }, mergePatch),
  );
}

/** @throws TerminalError for what Istio would refuse, or would send nowhere (rule 1) */
function assertSplit(split: Split): void {
  const weights = Object.values(split);
  const isWhole = weights.every((weight) => Number.isInteger(weight) && weight >= 0 && weight <= 1_000_000);
  if (!isWhole || weights.every((weight) => weight === 0)) {
    throw new TerminalError(
      `route weights ${JSON.stringify(split).slice(0, 200)} are not written: none carries traffic`,
    );
  }
}

async function findVirtualService(
  mesh: KubernetesClient,
  { virtualService }: SubsetRoute,
): Promise<VirtualServiceObject | null> {
  const attempt = { verb: 'get', resource: 'virtualservices', ...virtualService } as const;
  const object: unknown = await mesh.find(attempt, ({ custom }) =>
    custom.getNamespacedCustomObject({ ...virtualServiceResource, ...virtualService }),
  );
  return object === null ? null : parseVirtualService(object, `${virtualService.namespace}/${virtualService.name}`);
}

interface RuleList {
  readonly items: readonly unknown[];
  readonly metadata?: { readonly _continue?: string };
}

/** Rules count in the namespace of the object that routes and in that of the Service; usually they are the same. */
async function listRules(mesh: KubernetesClient, route: SubsetRoute): Promise<readonly unknown[]> {
  const namespaces = new Set([route.virtualService.namespace, serviceOf(route).namespace]);
  const lists = await Promise.all(
    [...namespaces].map((namespace) =>
      listAll<unknown>(mesh, { verb: 'list', resource: 'destinationrules', namespace }, async ({ custom }, paging) => {
        const page: RuleList = await custom.listNamespacedCustomObject({
          ...destinationRuleResource,
          namespace,
          ...paging,
        });
        return page;
      }),
    ),
  );
  return lists.flat();
}

function serviceOf({ host, virtualService }: SubsetRoute): { readonly namespace: string; readonly name: string } {
  const [name = '', namespace = ''] = fullHost(host, virtualService.namespace).split('.');
  return { namespace, name };
}

/** Null where a cluster gives no answer: a rollback must not wait for it, and a shift must not count without it. */
async function readServices(
  { clusters }: KubernetesClients,
  route: SubsetRoute,
  labels: Readonly<Record<string, string>>,
): Promise<readonly ServiceReading[] | null> {
  try {
    const services = await Promise.all(clusters.map((cluster) => readSubset(cluster, route, labels)));
    return services.flatMap((service) => service ?? []);
  } catch (error) {
    if (error instanceof TransientError) return null;
    throw error;
  }
}

/** The host's Service as if it had the pods of one subset only; null where the cluster has no such Service. */
async function readSubset(
  cluster: Cluster,
  route: SubsetRoute,
  labels: Readonly<Record<string, string>>,
): Promise<ServiceReading | null> {
  const { namespace, name } = serviceOf(route);
  const service: V1Service | null = await findService(cluster, namespace, name);
  if (service === null) return null;
  const labelSelector = Object.entries(labels)
    .map((pair) => pair.join('='))
    .join(',');
  const [slices, pods] = await Promise.all([
    listSlices(cluster, namespace, name),
    listAll<V1Pod>(cluster, { verb: 'list', resource: 'pods', namespace }, ({ core }, paging) =>
      core.listNamespacedPod({ namespace, labelSelector, ...paging }),
    ),
  ]);
  const names = new Set(pods.map(({ metadata }) => metadata?.name));
  const own = slices.map((slice): V1EndpointSlice => {
    const endpoints = (slice.endpoints ?? []).filter(
      ({ targetRef }) => targetRef?.kind === 'Pod' && names.has(targetRef.name),
    );
    return { ...slice, endpoints };
  });
  return serviceReading(cluster, { service, slices: own, nodes: [], warnings: [] });
}
