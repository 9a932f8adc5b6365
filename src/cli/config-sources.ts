import * as v from 'valibot';
import type { Cluster, KubernetesClient, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { type CustomResource, listCustomObjects, servedVersion } from '../adapters/kubernetes/custom-objects.ts';
import { findService } from '../adapters/kubernetes/objects.ts';
import { type Draft, isPair } from '../domain/draft.ts';
import { fieldsOf, listOf } from '../domain/gateway/finding.ts';
import { podLabelsOf } from '../domain/gateway/rules.ts';
import { specOf } from '../domain/gateway/shape.ts';
import { selects } from '../domain/gateway/source-side.ts';
import type { GatewayPods, SourceConfig, TargetPods } from '../domain/mesh-config.ts';
import { reportedKinds } from '../domain/mesh-config-report.ts';
import { labelsAt, type MeshObject, meshObjectOf } from '../domain/mesh-object.ts';
import type { ServiceRef, SideRef } from '../domain/spec.ts';
import { InvalidInputError, TerminalError } from '../ports/errors.ts';
import { clusterNamed } from './gateway-sources.ts';
import { findGateway } from './gateway-target.ts';

/** A resource of Istio: its versions, the newest first, and what its objects are called. */
interface IstioResource extends Omit<CustomResource, 'version'> {
  readonly kind: string;
  readonly versions: readonly string[];
}

const networking = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] } as const;
const security = { group: 'security.istio.io', versions: ['v1', 'v1beta1'] } as const;

const resources = {
  Gateway: { ...networking, plural: 'gateways', kind: 'Gateway' },
  VirtualService: { ...networking, plural: 'virtualservices', kind: 'VirtualService' },
  DestinationRule: { ...networking, plural: 'destinationrules', kind: 'DestinationRule' },
  ServiceEntry: { ...networking, plural: 'serviceentries', kind: 'ServiceEntry' },
  EnvoyFilter: { ...networking, plural: 'envoyfilters', kind: 'EnvoyFilter' },
  Sidecar: { ...networking, plural: 'sidecars', kind: 'Sidecar' },
  AuthorizationPolicy: { ...security, plural: 'authorizationpolicies', kind: 'AuthorizationPolicy' },
  RequestAuthentication: { ...security, plural: 'requestauthentications', kind: 'RequestAuthentication' },
  WasmPlugin: { group: 'extensions.istio.io', versions: ['v1alpha1'], plural: 'wasmplugins', kind: 'WasmPlugin' },
  Telemetry: { group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'], plural: 'telemetries', kind: 'Telemetry' },
} as const satisfies Readonly<Record<string, IstioResource>>;

/** Where the configuration is read, and for whom it is meant. */
export interface ConfigSides {
  readonly cluster: Cluster;
  readonly pods: GatewayPods;
  readonly target: TargetPods;
  /** Whether the IstioGateway is there already. */
  readonly isTargetThere: boolean;
}

/** @throws InvalidInputError where a side of the migration is not there */
export async function findConfigSides(
  clients: KubernetesClients,
  mesh: string,
  { routes }: Pick<Draft, 'routes'>,
): Promise<ConfigSides> {
  if (!isPair(routes) && routes.length === 0) {
    throw wrong('spec.routes', 'moves subsets of hosts inside of the mesh: there is no gateway to configure');
  }
  const [first] = isPair(routes) ? [] : routes;
  const source = isPair(routes) ? routes.source : (first?.source as ServiceRef);
  const targets: readonly SideRef[] = isPair(routes) ? [] : routes.map(({ target }) => target);
  const target: SideRef = isPair(routes)
    ? { ...routes.target, kind: 'gateway', mesh }
    : ((targets.find(({ kind }) => kind === 'gateway') ?? first?.target) as SideRef);
  const places = source.cluster === null ? clients.clusters : [clusterNamed(clients, source.cluster)];
  for (const cluster of places) {
    const service = await findService(cluster, source.namespace, source.name);
    if (service === null) continue;
    const selector = service.spec?.selector ?? {};
    const labels = { ...(await podLabels(cluster, source.namespace, selector)), ...selector };
    return { cluster, pods: { namespace: source.namespace, labels }, ...(await findTarget(clients, mesh, target)) };
  }
  const where = places.map(({ name }) => name).join(', ');
  throw wrong('spec.source', `there is no Service ${source.namespace}/${source.name} in ${where}`);
}

/** Everything that may belong to the source's gateway. Reads only. */
export async function readSourceConfig(client: KubernetesClient): Promise<SourceConfig> {
  const of = async (resource: IstioResource): Promise<readonly MeshObject[]> => {
    const version = await servedVersion(client, resource, resource.versions);
    if (version === null) return [];
    const { group, plural, kind } = resource;
    const items = await listCustomObjects(client, { group, version, plural });
    return items.flatMap((item) => meshObjectOf(item, `${group}/${version}`, kind) ?? []);
  };
  const reported = Object.values(resources).filter(({ kind }) => reportedKinds.includes(kind));
  const [gateways, virtualServices, destinationRules, serviceEntries, ...others] = await Promise.all([
    of(resources.Gateway),
    of(resources.VirtualService),
    of(resources.DestinationRule),
    of(resources.ServiceEntry),
    ...reported.map(of),
  ]);
  return { gateways, virtualServices, destinationRules, serviceEntries, others: others.flat() };
}

/** What the mesh serves of a kind that is copied. @throws InvalidInputError where it serves none of its versions */
export async function meshResource(client: KubernetesClient, kind: string): Promise<CustomResource> {
  const resource: IstioResource | undefined = Object.values(resources).find((one) => one.kind === kind);
  const version = resource === undefined ? null : await servedVersion(client, resource, resource.versions);
  if (resource === undefined || version === null) throw wrong('spec.target', `the mesh serves no ${kind}`);
  return { group: resource.group, version, plural: resource.plural };
}

/**
 * With data-plane access to Istio's resources on, the cluster's API server hands out the mesh's own objects as if they
 * were the cluster's (reference D8). @throws InvalidInputError where that is so
 */
export async function refuseAggregated(cluster: Cluster): Promise<string | null> {
  const resource = { group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices' } as const;
  try {
    for (const version of networking.versions) {
      const name = `${version}.${networking.group}`;
      const attempt = { verb: 'get', resource: resource.plural, namespace: null, name } as const;
      const found: unknown = await cluster.find(
        attempt,
        ({ custom }): Promise<unknown> => custom.getClusterCustomObject({ ...resource, name }),
      );
      if ((specOf(found)['service'] ?? null) === null) continue;
      const why = `${cluster.name} serves ${name} from elsewhere (KubeAPI access to Istio resources of the mesh is on): what it shows is the mesh's own, not the source's; turn it off first`;
      throw wrong('spec.source', why);
    }
    return null;
  } catch (error) {
    if (error instanceof InvalidInputError || !(error instanceof TerminalError)) throw error;
    return `whether ${cluster.name} serves Istio's resources itself could not be told: ${error.message}`;
  }
}

async function findTarget(clients: KubernetesClients, mesh: string, target: SideRef) {
  const { namespace, name } = target;
  if (target.kind === 'service') {
    const service = await findService(clusterNamed(clients, target.cluster), namespace, name);
    if (service === null) throw wrong('spec.routes', `there is no Service ${namespace}/${name} in ${target.cluster}`);
    const ports = (service.spec?.ports ?? []).map(({ port }) => port);
    return { target: { namespace, labels: service.spec?.selector ?? {}, ports }, isTargetThere: true };
  }
  const gateway = await findGateway(clients, mesh, { namespace, name });
  const spec = specOf(gateway);
  const labels = { ...labelsAt(spec, 'podLabels'), ...podLabelsOf(name) };
  const ports = listOf(spec['ports']).flatMap((one) => {
    const { port } = fieldsOf(one);
    return typeof port === 'number' ? [port] : [];
  });
  return { target: { namespace, labels, ports: gateway === null ? null : ports }, isTargetThere: gateway !== null };
}

/** Labels of the Deployment behind a Service: more than the Service selects by. None where they may not be read. */
async function podLabels(cluster: Cluster, namespace: string, selector: Readonly<Record<string, string>>) {
  try {
    const items = await listCustomObjects(cluster, { group: 'apps', version: 'v1', plural: 'deployments' }, namespace);
    const templates = items.map((item) => labelsAt(fieldsOf(fieldsOf(specOf(item)['template'])['metadata']), 'labels'));
    return templates.find((labels) => selects(selector, labels)) ?? {};
  } catch (error) {
    if (error instanceof TerminalError) return {};
    throw error;
  }
}

const rootSchema = v.object({ data: v.object({ 'root-cert.pem': v.string() }) });

/** What the sidecars of a mesh trust; null where it is not there or may not be read. */
export async function rootCertificate(client: KubernetesClient, namespace: string): Promise<string | null> {
  const name = 'istio-ca-root-cert';
  try {
    const found = await client.find({ verb: 'get', resource: 'configmaps', namespace, name }, ({ core }) =>
      core.readNamespacedConfigMap({ namespace, name }),
    );
    const parsed = v.safeParse(rootSchema, found);
    return parsed.success ? parsed.output.data['root-cert.pem'] : null;
  } catch (error) {
    if (error instanceof TerminalError) return null;
    throw error;
  }
}

/** Of a Secret only whether it is there: its contents are dropped unread. Null where that cannot be told. */
export async function hasSecret(client: KubernetesClient, namespace: string, name: string): Promise<boolean | null> {
  try {
    const found = await client.find({ verb: 'get', resource: 'secrets', namespace, name }, ({ core }) =>
      core.readNamespacedSecret({ namespace, name }),
    );
    return found !== null;
  } catch (error) {
    if (error instanceof TerminalError) return null;
    throw error;
  }
}

function wrong(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }]);
}
