import type { Cluster, KubernetesClient, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import type { CustomResource } from '../adapters/kubernetes/custom-objects.ts';
import type { Draft } from '../domain/draft.ts';
import { specOf } from '../domain/gateway/shape.ts';
import { type LeftOut, meshConfigOf } from '../domain/mesh-config.ts';
import { fileNotes, leftBehind, neededSecrets, trustNotes } from '../domain/mesh-config-report.ts';
import { type MeshObject, placeOfObject } from '../domain/mesh-object.ts';
import { type ObjectDifference, objectDifferences } from '../domain/object-differences.ts';
import {
  findConfigSides,
  hasSecret,
  meshResource,
  readSourceConfig,
  refuseAggregated,
  rootCertificate,
} from './config-sources.ts';

/** An object for the mesh, and what is there under its name. */
export interface WantedObject {
  readonly object: MeshObject;
  readonly resource: CustomResource;
  readonly isThere: boolean;
  readonly differences: readonly ObjectDifference[];
}

export interface WantedConfig {
  /** That the mesh has not; they get no labels, because the mesh would write them over those of the clusters (D7). */
  readonly namespaces: readonly string[];
  readonly objects: readonly WantedObject[];
  readonly leftOut: readonly LeftOut[];
  readonly notes: readonly string[];
}

/** Finds everything that the target is to be configured with. Reads only. @throws InvalidInputError where it cannot be */
export async function prepareConfig(clients: KubernetesClients, mesh: string, draft: Draft): Promise<WantedConfig> {
  const { cluster, pods, target, isTargetThere } = await findConfigSides(clients, mesh, draft);
  const unknownOrigin = await refuseAggregated(cluster);
  const source = await readSourceConfig(cluster);
  const config = meshConfigOf(source, pods, target);
  const client = clients.mesh(mesh);
  const [objects, namespaces, secrets, sourceRoot, targetRoot] = await Promise.all([
    wantedObjects(client, config.objects),
    missingNamespaces(client, config.objects),
    secretsLeft(clients.clusters, target.namespace, config.objects),
    rootCertificate(cluster, pods.namespace),
    rootCertificate(client, pods.namespace),
  ]);
  const gateways = config.objects.filter(({ kind }) => kind === 'Gateway');
  return {
    namespaces,
    objects,
    leftOut: [...config.leftOut, ...secrets, ...leftBehind(source.others, pods)],
    notes: [
      ...(gateways.length + config.leftOut.length === 0
        ? [`no Gateway in ${cluster.name} selects the pods of the source`]
        : []),
      ...(isTargetThere ? [] : ['the IstioGateway is not there yet: sluice gateway makes it']),
      ...(unknownOrigin === null ? [] : [unknownOrigin]),
      ...config.notes,
      ...fileNotes(gateways),
      ...versionNotes(config.objects, objects),
      ...trustNotes(sourceRoot, targetRoot),
    ],
  };
}

/** Each in the version that the mesh serves, and what it has under that name. */
async function wantedObjects(
  client: KubernetesClient,
  copies: readonly MeshObject[],
): Promise<readonly WantedObject[]> {
  const kinds = [...new Set(copies.map(({ kind }) => kind))];
  const served = new Map(
    await Promise.all(kinds.map(async (kind) => [kind, await meshResource(client, kind)] as const)),
  );
  return Promise.all(
    copies.map(async (copy) => {
      const resource = served.get(copy.kind) as CustomResource;
      const object = { ...copy, apiVersion: `${resource.group}/${resource.version}` };
      const { namespace, name } = copy.metadata;
      const found: unknown = await client.find(
        { verb: 'get', resource: resource.plural, namespace, name },
        ({ custom }): Promise<unknown> => custom.getNamespacedCustomObject({ ...resource, namespace, name }),
      );
      const differences = found === null ? [] : objectDifferences(specOf(found), object.spec, ['spec']);
      return { object, resource, isThere: found !== null, differences };
    }),
  );
}

async function missingNamespaces(client: KubernetesClient, copies: readonly MeshObject[]): Promise<readonly string[]> {
  const names = [...new Set(copies.map(({ metadata }) => metadata.namespace))].sort();
  const found = await Promise.all(
    names.map((name) =>
      client.find({ verb: 'get', resource: 'namespaces', namespace: null, name }, ({ core }) =>
        core.readNamespace({ name }),
      ),
    ),
  );
  return names.filter((_, index) => found[index] === null);
}

/** Certificates that the target's pods will not find beside them. */
async function secretsLeft(
  clusters: readonly Cluster[],
  namespace: string,
  copies: readonly MeshObject[],
): Promise<readonly LeftOut[]> {
  const needed = neededSecrets(copies.filter(({ kind }) => kind === 'Gateway'));
  const asked = clusters.flatMap((cluster) => needed.map((secret) => ({ cluster, ...secret })));
  const found = await Promise.all(
    asked.map(async ({ cluster, name, gateway, isMutual }) => {
      const isThere = await hasSecret(cluster, namespace, name);
      const place = `Secret ${cluster.name}/${namespace}/${name}`;
      const both = isMutual ? `, and the authority of its clients in it or in ${name}-cacert,` : '';
      if (isThere === true) return [];
      const reason = isThere === null ? 'could not be read' : 'is missing';
      const text = `${reason}: ${gateway} names it, and the gateway's pods read it${both} from their own namespace; certificates are never copied by Sluice`;
      return [{ object: place, reason: text, isNeeded: isThere === false }];
    }),
  );
  return found.flat();
}

function versionNotes(copies: readonly MeshObject[], wanted: readonly WantedObject[]): readonly string[] {
  const changed = wanted.flatMap(({ object }, index) => {
    const before = copies[index]?.apiVersion ?? object.apiVersion;
    return before === object.apiVersion ? [] : [`${object.kind} (${before} -> ${object.apiVersion})`];
  });
  const kinds = [...new Set(changed)];
  return kinds.length === 0 ? [] : [`the mesh serves another apiVersion than the source: ${kinds.join(', ')}`];
}

/** What is there already and says something else. */
export function differenceLines({ object, isThere, differences }: WantedObject): readonly string[] {
  if (!isThere) return [];
  const head = `${placeOfObject(object)} is there already`;
  if (differences.length === 0) return [head];
  return [
    `${head} and differs; it is left alone`,
    ...differences.flatMap(({ path, found, wanted }) => [
      ...(found === undefined ? [] : [`  - ${path.join('.')}: ${shown(found)}`]),
      ...(wanted === undefined ? [] : [`  + ${path.join('.')}: ${shown(wanted)}`]),
    ]),
  ];
}

const shownMax = 300;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > shownMax ? `${text.slice(0, shownMax)}...` : text;
}

/** Without labels: the mesh writes those that switch sidecars over the clusters' own (reference D7). */
export function namespaceOf(name: string) {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}
