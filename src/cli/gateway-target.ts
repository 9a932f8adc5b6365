import type { Cluster, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { gatewayResource } from '../adapters/kubernetes/gateway-object.ts';
import { findService, listAll } from '../adapters/kubernetes/objects.ts';
import { formatPath } from '../api/problems.ts';
import { type Draft, isPair } from '../domain/draft.ts';
import { fieldsOf } from '../domain/gateway/finding.ts';
import { serverlessKey } from '../domain/gateway/shape.ts';
import { type SharedBalancer, type SourceScale, sharingNotes, sharingProblems } from '../domain/gateway/source-side.ts';
import { gatewayDifferences, serviceDifferences, type TargetDifference } from '../domain/gateway/target-differences.ts';
import { additionalService, type Manifest, type Named, targetGateway } from '../domain/gateway/target-manifest.ts';
import { targetNotes, targetProblems } from '../domain/gateway/target-problems.ts';
import { InvalidInputError, TerminalError } from '../ports/errors.ts';
import { readScale } from './gateway-scale.ts';
import { type AdditionalTarget, findWantedTarget } from './gateway-sources.ts';

/** An object that the target needs, and what is there under its name. */
export interface TargetObject {
  /** Null: on the API server of the mesh. */
  readonly cluster: Cluster | null;
  readonly manifest: Manifest;
  readonly isThere: boolean;
  readonly differences: readonly TargetDifference[];
}

/** Everything that is to be printed or created, in the order in which it is created. */
export interface Target {
  readonly gateway: TargetObject;
  readonly services: readonly TargetObject[];
  readonly shared: readonly SharedBalancer[];
  readonly notes: readonly string[];
}

/**
 * Finds what the target of a migration needs. Reads only.
 * @throws InvalidInputError with everything that stands in the way
 */
export async function prepareTarget(clients: KubernetesClients, mesh: string, draft: Draft): Promise<Target> {
  const wanted = await findWantedTarget(clients, draft);
  const { scales, notes } = await readScales(clients, wanted.shared);
  const own = wanted.shared[0]?.source.cluster;
  const ordered = [...clients.clusters].sort((a, b) => Number(b.name === own) - Number(a.name === own));
  const input = {
    gateway: wanted.gateway,
    clusterIds: ordered.map(({ id }) => id),
    shared: wanted.shared,
    scales,
  };
  const more = wanted.additional.map(({ shared }) => shared);
  const refused = [...targetProblems(input), ...more.flatMap(sharingProblems)];
  if (refused.length > 0)
    throw new InvalidInputError(
      refused.map((message) => ({ path: isPair(draft.routes) ? 'spec.source' : 'spec.routes', message })),
    );
  const manifest = targetGateway(input);
  const found = await findGateway(clients, mesh, wanted.gateway);
  const services = await prepareServices(clients, wanted.gateway, wanted.additional);
  const problems = [
    ...(found === null ? await takenNames(clients, wanted.gateway) : serverlessProblem(found)),
    ...services.flatMap(selectorProblem),
  ];
  if (problems.length > 0)
    throw new InvalidInputError(
      problems.map((message) => ({ path: isPair(draft.routes) ? 'spec.target' : 'spec.routes', message })),
    );
  return {
    gateway: {
      cluster: null,
      manifest,
      isThere: found !== null,
      differences: found === null ? [] : gatewayDifferences(found, manifest),
    },
    services,
    shared: [...wanted.shared, ...more],
    notes: [...wanted.notes, ...notes, ...targetNotes(input), ...more.flatMap(sharingNotes)],
  };
}

async function readScales(clients: KubernetesClients, shared: readonly SharedBalancer[]) {
  const scales: Record<string, SourceScale> = {};
  const notes: string[] = [];
  for (const { source } of shared) {
    const unknown = `how big the source in ${source.cluster} is cannot be told, so the gateway there gets one pod`;
    try {
      const scale = await readScale(clients.cluster(source.cluster), source);
      if (scale === null) notes.push(`${unknown}: no Deployment has the pods of ${source.namespace}/${source.name}`);
      else scales[source.clusterId] = scale;
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      notes.push(`${unknown}: ${error.message}`);
    }
  }
  return { scales, notes };
}

/** Null where there is none. */
export async function findGateway(
  clients: KubernetesClients,
  mesh: string,
  { namespace, name }: Named,
): Promise<unknown> {
  const attempt = { verb: 'get', resource: 'istiogateways', namespace, name } as const;
  return clients
    .mesh(mesh)
    .find(
      attempt,
      ({ custom }): Promise<unknown> => custom.getNamespacedCustomObject({ ...gatewayResource, namespace, name }),
    );
}

/** The mesh would write over a Service that has the name of the one that it makes (reference C1). */
async function takenNames(clients: KubernetesClients, { namespace, name }: Named): Promise<readonly string[]> {
  const taken = await Promise.all(
    clients.clusters.map(async (cluster) => {
      const service = await findService(cluster, namespace, `istio-${name}`);
      return service === null
        ? []
        : [
            `there is a Service istio-${name} in ${cluster.name} already, which the mesh would take over: name the gateway otherwise`,
          ];
    }),
  );
  return taken.flat();
}

function serverlessProblem(gateway: unknown): readonly string[] {
  const annotations = fieldsOf(fieldsOf(fieldsOf(gateway)['metadata'])['annotations']);
  return annotations[serverlessKey] === 'true' ? [serverlessRefusal] : [];
}

export const serverlessRefusal =
  'is a serverless gateway: whether one can share a CLB is not documented, so none is taken for a route of a load balancer';

async function prepareServices(
  clients: KubernetesClients,
  gateway: Named,
  additional: readonly AdditionalTarget[],
): Promise<readonly TargetObject[]> {
  const takenIn = new Map<string, Set<number>>();
  const prepared: TargetObject[] = [];
  for (const { service, shared } of additional) {
    const cluster = clients.cluster(shared.source.cluster);
    const taken = takenIn.get(cluster.name) ?? (await nodePortsIn(cluster));
    takenIn.set(cluster.name, taken);
    const found = await findService(cluster, service.namespace, service.name);
    const own = (port: number) => found?.spec?.ports?.find((one) => one.port === port)?.nodePort;
    const manifest = additionalService(service, gateway, shared, (port, near) => own(port) ?? freePort(taken, near));
    const differences = found === null ? [] : serviceDifferences(found, manifest);
    prepared.push({ cluster, manifest, isThere: found !== null, differences });
  }
  return prepared;
}

function selectorProblem({ isThere, manifest: { metadata }, differences }: TargetObject): readonly string[] {
  const isOther = isThere && differences.some(({ path }) => path[1] === 'selector');
  return isOther ? [`there is a Service ${metadata.name} already, and it selects other pods than the gateway’s`] : [];
}

const nodePortFirst = 30_000;
const nodePortLast = 32_767;

async function nodePortsIn(cluster: Cluster): Promise<Set<number>> {
  const services = await listAll(cluster, { verb: 'list', resource: 'services', namespace: null }, ({ core }, paging) =>
    core.listServiceForAllNamespaces(paging),
  );
  return new Set(
    services.flatMap(({ spec }) => [
      ...(spec?.ports ?? []).flatMap(({ nodePort }) => (nodePort === undefined ? [] : [nodePort])),
      ...(spec?.healthCheckNodePort === undefined ? [] : [spec.healthCheckNodePort]),
    ]),
  );
}

/** A hundred above the source's, so that people see which belongs to which, or the next that is free. */
function freePort(taken: Set<number>, near: number | null): number {
  const size = nodePortLast - nodePortFirst + 1;
  const from = near === null ? 0 : near + 100 - nodePortFirst;
  for (let step = 0; step < size; step += 1) {
    const port = nodePortFirst + ((((from + step) % size) + size) % size);
    if (taken.has(port)) continue;
    taken.add(port);
    return port;
  }
  throw new TerminalError('no node port is free');
}

/** What is there already and says something else. */
export function thereLines({ isThere, manifest, differences }: TargetObject): readonly string[] {
  if (!isThere) return [];
  const { kind, metadata } = manifest;
  return [
    `${kind} ${metadata.namespace}/${metadata.name} is there already${differences.length === 0 ? '' : ' and differs; it is left alone'}`,
    ...differences.map(
      ({ path, found, wanted }) =>
        `  ${formatPath(path)}: ${JSON.stringify(found) ?? '(none)'}, and not ${JSON.stringify(wanted)}`,
    ),
  ];
}
