import { readyPodsOf } from '../adapters/kubernetes/backends.ts';
import type { Cluster, KubernetesClient, KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { fieldManager } from '../adapters/kubernetes/fence.ts';
import { gatewayResource } from '../adapters/kubernetes/gateway-object.ts';
import { findService, listSlices } from '../adapters/kubernetes/objects.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { readAnnotation } from '../domain/annotations.ts';
import { fieldsOf } from '../domain/gateway/finding.ts';
import { serverlessKey, specOf } from '../domain/gateway/shape.ts';
import { effective } from '../domain/gateway/target-differences.ts';
import type { Manifest } from '../domain/gateway/target-manifest.ts';
import { ConflictError, messageOf, TerminalError, TransientError } from '../ports/errors.ts';
import { findGateway, type Target, type TargetObject, thereLines } from './gateway-target.ts';
import { type ExitCode, exitCodes, type Output } from './run.ts';
import { printable, table } from './show.ts';

export interface ApplyOptions {
  readonly forMs: number;
}

type Outcome = 'created' | 'was there' | 'ready' | 'not created' | 'not ready' | 'not tried';

interface Row {
  readonly where: string;
  readonly object: string;
  readonly outcome: Outcome;
  readonly detail: string;
}

/**
 * Creates what is not there, in an order that leaves nothing half way: the gateway, then the Service and pods that the
 * mesh makes of it, then the further Services. Nothing that is there is written. After a failure the rest is not tried,
 * and the same command goes on.
 */
export async function applyTarget(
  clients: KubernetesClients,
  mesh: string,
  target: Target,
  { forMs }: ApplyOptions,
  output: Output,
): Promise<ExitCode> {
  const objects = [target.gateway, ...target.services];
  for (const object of objects) for (const line of thereLines(object)) console.error(printable(line));
  if (objects.some(({ differences }) => differences.some(({ isNeeded }) => isNeeded))) {
    console.error('What is there lacks what the migration needs, and nothing is replaced: change it by hand.');
    console.error('Nothing was created.');
    return exitCodes.no;
  }
  const untilMs = systemClock().now() + forMs;
  const rows: Row[] = [];
  for (const work of worksOf(clients, mesh, target)) {
    const isStopped = rows.some(({ outcome }) => isBad(outcome));
    const row = isStopped ? { outcome: 'not tried' as const, detail: '' } : await work.run(untilMs);
    rows.push({ where: work.where, object: work.object, ...row });
  }
  const isDone = rows.every(({ outcome }) => !isBad(outcome));
  if (output === 'json') console.log(JSON.stringify({ isDone, steps: rows }));
  else console.log(table(rows.map(({ outcome, where, object, detail }) => [outcome, where, object, detail])));
  if (!isDone) console.error('Not done. What was created stays; run the same command again to go on.');
  return isDone ? exitCodes.done : exitCodes.no;
}

function isBad(outcome: Outcome): boolean {
  return outcome === 'not created' || outcome === 'not ready' || outcome === 'not tried';
}

interface Work extends Pick<Row, 'where' | 'object'> {
  run(untilMs: number): Promise<Pick<Row, 'outcome' | 'detail'>>;
}

function worksOf(clients: KubernetesClients, mesh: string, { gateway, services }: Target): readonly Work[] {
  const { manifest } = gateway;
  const { namespace, name } = manifest.metadata;
  const isServerless = manifest.metadata.annotations?.[serverlessKey] === 'true';
  const own = { namespace, name: `istio-${name}` };
  const create: Work = {
    where: `mesh ${mesh}`,
    object: nameOf(manifest),
    run: () => ensure(gateway, () => createGateway(clients.mesh(mesh), manifest)),
  };
  const follow = clients.clusters.map(
    (cluster): Work => ({
      where: `cluster ${cluster.name}`,
      object: `Service ${own.namespace}/${own.name}`,
      run: (untilMs) =>
        waitFor(untilMs, async () => {
          const found = await findGateway(clients, mesh, { namespace, name });
          const annotations = effective(specOf(found), cluster.id);
          return serviceState(
            cluster,
            own.namespace,
            own.name,
            readAnnotation(annotations, 'id'),
            podsWanted(found, cluster.id),
          );
        }),
    }),
  );
  const status: Work = {
    where: `mesh ${mesh}`,
    object: `${nameOf(manifest)} (pods of the mesh)`,
    run: (untilMs) => waitFor(untilMs, async () => gatewayState(await findGateway(clients, mesh, { namespace, name }))),
  };
  return [create, ...(isServerless ? [status] : follow), ...services.flatMap(worksOfService)];
}

function worksOfService(service: TargetObject): readonly Work[] {
  const { cluster, manifest } = service;
  if (cluster === null) return [];
  const { namespace, name } = manifest.metadata;
  const at = { where: `cluster ${cluster.name}`, object: nameOf(manifest) };
  const id = readAnnotation(manifest.metadata.annotations ?? {}, 'id');
  return [
    { ...at, run: () => ensure(service, () => createService(cluster, manifest)) },
    {
      ...at,
      object: `${at.object} (pods)`,
      run: (untilMs) => waitFor(untilMs, () => serviceState(cluster, namespace, name, id, 1)),
    },
  ];
}

async function ensure(
  { isThere }: TargetObject,
  create: () => Promise<void>,
): Promise<Pick<Row, 'outcome' | 'detail'>> {
  if (isThere) return { outcome: 'was there', detail: '' };
  try {
    await create();
    return { outcome: 'created', detail: '' };
  } catch (error) {
    if (error instanceof ConflictError) {
      return { outcome: 'not created', detail: 'somebody else has just created it' };
    }
    if (!(error instanceof TransientError || error instanceof TerminalError)) throw error;
    return { outcome: 'not created', detail: error.message };
  }
}

async function createGateway(client: KubernetesClient, body: Manifest): Promise<void> {
  const { namespace, name } = body.metadata;
  await client.ask({ verb: 'create', resource: 'istiogateways', namespace, name }, ({ custom }) =>
    custom.createNamespacedCustomObject({ ...gatewayResource, namespace, body, fieldManager }),
  );
}

async function createService(cluster: Cluster, body: Manifest): Promise<void> {
  const { namespace, name } = body.metadata;
  await cluster.ask({ verb: 'create', resource: 'services', namespace, name }, ({ core }) =>
    core.createNamespacedService({ namespace, body, fieldManager }),
  );
}

interface State {
  readonly isReady: boolean;
  readonly detail: string;
}

const pauseMs = 1000;

/** Asks until it is ready; an answer that failed is asked for again, since nothing is written here. */
async function waitFor(untilMs: number, ask: () => Promise<State>): Promise<Pick<Row, 'outcome' | 'detail'>> {
  const clock = systemClock();
  for (;;) {
    const { isReady, detail } = await stateOrError(ask);
    if (isReady) return { outcome: 'ready', detail };
    if (clock.now() + pauseMs > untilMs) return { outcome: 'not ready', detail };
    await clock.sleep(pauseMs);
  }
}

async function stateOrError(ask: () => Promise<State>): Promise<State> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof TransientError || error instanceof TerminalError)) throw error;
    return { isReady: false, detail: messageOf(error) };
  }
}

/** Its annotations are the gateway's own, and as many pods are ready as the gateway asks for. */
async function serviceState(
  cluster: Cluster,
  namespace: string,
  name: string,
  loadBalancer: string | null,
  podsMin: number,
): Promise<State> {
  const service = await findService(cluster, namespace, name);
  if (service === null) return { isReady: false, detail: 'the Service is not there yet' };
  const annotations = service.metadata?.annotations ?? {};
  if (readAnnotation(annotations, 'id') !== loadBalancer) {
    return { isReady: false, detail: `the Service is not on ${loadBalancer ?? 'a CLB'} yet` };
  }
  const pods = readyPodsOf(await listSlices(cluster, namespace, name), annotations).length;
  const weight = readAnnotation(annotations, 'weight') ?? 'none';
  return { isReady: pods >= podsMin, detail: `weight ${weight}, ${pods} of at least ${podsMin} pods ready` };
}

/** What an autoscaler may leave, else what is asked for; a cluster may have its own. */
function podsWanted(gateway: unknown, clusterId: string): number {
  const spec = specOf(gateway);
  const { minReplicas, replicaCount } = { ...spec, ...fieldsOf(fieldsOf(spec['overrides'])[clusterId]) };
  const wanted = [minReplicas, replicaCount].find((count) => typeof count === 'number');
  return Math.max(1, typeof wanted === 'number' ? wanted : 1);
}

/** The keys of this status are capitalised (reference C2). */
function gatewayState(gateway: unknown): State {
  const { Status: status, ErrorMessage: message } = fieldsOf(fieldsOf(gateway)['status']);
  const detail =
    typeof message === 'string' ? message : `status ${typeof status === 'string' ? status : 'not told yet'}`;
  return { isReady: status === 'Ready', detail };
}

function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}
