import * as v from 'valibot';
import type { KubernetesApi, KubernetesClient, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { gatewayResource, overridesOf, parseGateway } from '../adapters/kubernetes/gateway-object.ts';
import { listAll } from '../adapters/kubernetes/objects.ts';
import type { Found, GatewayFound, ListenerFound, ServiceFound, VirtualServiceFound } from './find-pair.ts';

/** Reads what finding a pair of gateways needs, from every cluster and mesh. Reads only. */
export async function readGateways(clients: KubernetesClients, meshes: readonly string[]): Promise<Found> {
  const clusters = await Promise.all(clients.clusters.map((cluster) => readCluster(cluster.name, cluster)));
  const gateways = await Promise.all(meshes.map((mesh) => readMesh(mesh, clients.mesh(mesh))));
  return {
    services: clusters.flatMap(({ services }) => services),
    gateways: gateways.flat(),
    listeners: clusters.flatMap(({ listeners }) => listeners),
    virtualServices: clusters.flatMap(({ virtualServices }) => virtualServices),
  };
}

async function readCluster(name: string, client: KubernetesClient): Promise<Omit<Found, 'gateways'>> {
  const [services, listeners, virtualServices] = await Promise.all([
    readServices(name, client),
    listCustom(client, 'gateways', istioResource).then((items) => items.flatMap((item) => listenerOf(name, item))),
    listCustom(client, 'virtualservices', istioResource).then((items) =>
      items.flatMap((item) => virtualServiceOf(name, item)),
    ),
  ]);
  return { services, listeners, virtualServices };
}

async function readServices(cluster: string, client: KubernetesClient): Promise<readonly ServiceFound[]> {
  const items = await listAll(client, { verb: 'list', resource: 'services', namespace: null }, ({ core }, paging) =>
    core.listServiceForAllNamespaces(paging),
  );
  return items
    .filter(({ spec }) => spec?.type === 'LoadBalancer')
    .map(({ metadata, spec }) => ({
      cluster,
      namespace: metadata?.namespace ?? '',
      name: metadata?.name ?? '',
      annotations: metadata?.annotations ?? {},
      selector: spec?.selector ?? {},
    }));
}

async function readMesh(mesh: string, client: KubernetesClient): Promise<readonly GatewayFound[]> {
  const items = await listCustom(client, 'istiogateways', gatewayResource);
  return items.map((item) => {
    const { namespace, name } = v.parse(named, item).metadata;
    const gateway = parseGateway(item, `${namespace}/${name}`);
    const own = gateway.spec.serviceAnnotations ?? {};
    return { mesh, namespace, name, serviceAnnotations: [own, ...Object.values(overridesOf(gateway))] };
  });
}

/** Of one kind in one cluster. */
const objectsMax = 2000;
const istioResource = { group: 'networking.istio.io', version: 'v1beta1' } as const;

/** A cluster without Istio's resource types has none of their objects. */
async function listCustom(
  client: KubernetesClient,
  plural: string,
  resource: { readonly group: string; readonly version: string },
): Promise<readonly unknown[]> {
  const attempt = { verb: 'list', resource: plural, namespace: null } as const;
  const { group, version } = resource;
  const ask = ({ custom }: KubernetesApi) =>
    custom.listCustomObjectForAllNamespaces({ group, version, plural, limit: objectsMax });
  const answer: unknown = await client.find(attempt, ask);
  const parsed = v.safeParse(v.object({ items: v.array(v.unknown()) }), answer);
  return parsed.success ? parsed.output.items : [];
}

const texts = v.optional(v.array(v.string()), []);
const named = v.object({ metadata: v.object({ namespace: v.string(), name: v.string() }) });
const listenerSchema = v.object({
  ...named.entries,
  spec: v.object({
    selector: v.optional(v.record(v.string(), v.string()), {}),
    servers: v.optional(v.array(v.object({ hosts: texts })), []),
  }),
});
const virtualServiceSchema = v.object({
  ...named.entries,
  spec: v.object({
    gateways: texts,
    hosts: texts,
    http: v.optional(
      v.array(
        v.object({
          match: v.optional(v.array(v.object({ uri: v.optional(v.object({ exact: v.optional(v.string()) })) })), []),
        }),
      ),
      [],
    ),
  }),
});

/** An object that is not as expected gives no probe; it stands in nobody's way. */
function listenerOf(cluster: string, item: unknown): readonly ListenerFound[] {
  const parsed = v.safeParse(listenerSchema, item);
  if (!parsed.success) return [];
  const { metadata, spec } = parsed.output;
  return [{ cluster, ...metadata, selector: spec.selector, hosts: spec.servers.flatMap(({ hosts }) => hosts) }];
}

function virtualServiceOf(cluster: string, item: unknown): readonly VirtualServiceFound[] {
  const parsed = v.safeParse(virtualServiceSchema, item);
  if (!parsed.success) return [];
  const { metadata, spec } = parsed.output;
  const exactPaths = spec.http.flatMap(({ match }) => match.flatMap(({ uri }) => (uri?.exact ? [uri.exact] : [])));
  return [{ cluster, namespace: metadata.namespace, gateways: spec.gateways, hosts: spec.hosts, exactPaths }];
}
