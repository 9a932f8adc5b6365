import { parseVgroupPort, readAnnotation } from '../domain/annotations.ts';
import { type Draft, isPair, type Pair } from '../domain/draft.ts';
import type { ServiceReading } from '../domain/observation.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { paired, pushed, sourcesOf } from '../domain/sources.ts';
import { claimsOf, type GatewayRef, type PortMapping, type Route, type ServiceRef, type Spec } from '../domain/spec.ts';
import { ConflictError, type InputProblem, InvalidInputError, TransientError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { takeClaims } from './claims.ts';
import { highestFence } from './fences.ts';
import { measuredIn } from './snapshot.ts';
import { beginRecord, historyOf } from './step.ts';

/**
 * A draft with its names checked against the installation and its routes found. Reads only.
 * @throws InvalidInputError with every mistake
 * @throws TerminalError where the gateways of a short form may not be read, or are not there
 */
export async function resolveDraft(ports: Ports, draft: Draft): Promise<Spec> {
  const problems = nameProblems(ports, draft);
  if (problems.length > 0) throw new InvalidInputError(problems);
  return { ...draft, routes: isPair(draft.routes) ? await discoverRoutes(ports, draft.routes) : draft.routes };
}

function nameProblems(ports: Ports, draft: Draft): readonly InputProblem[] {
  const { clusters, meshes, channels, signals } = ports.installation;
  const unknown = (path: string, what: string, name: string, known: readonly string[]): readonly InputProblem[] =>
    known.includes(name)
      ? []
      : [
          {
            path,
            message: `${what} "${name}" is not in the installation's configuration (known: ${known.join(', ') || 'none'})`,
          },
        ];
  const { routes } = draft;
  const cluster = (path: string, name: string) => unknown(path, 'cluster', name, clusters);
  const mesh = (path: string, name: string) => unknown(path, 'mesh', name, meshes);
  const named = isPair(routes)
    ? [
        ...(routes.source.cluster === null ? [] : cluster('spec.source.cluster', routes.source.cluster)),
        ...(routes.target.mesh === null ? [] : mesh('spec.target.mesh', routes.target.mesh)),
      ]
    : routes.flatMap(({ source, target }, index) => [
        ...cluster(`spec.routes[${index}].source.cluster`, source.cluster),
        ...(target.kind === 'service'
          ? cluster(`spec.routes[${index}].target.cluster`, target.cluster)
          : mesh(`spec.routes[${index}].target.mesh`, target.mesh)),
      ]);
  return [
    ...sourcesOf(draft.analysis).flatMap((name) =>
      unknown('spec.analysis.signals', 'source of signals', name, [pushed, paired, ...signals]),
    ),
    ...draft.notify.flatMap((name, index) => unknown(`spec.notify[${index}]`, 'channel', name, channels)),
    ...draft.subsets.flatMap((subset, index) => mesh(`spec.routes[${index}].mesh`, subset.mesh)),
    ...named,
  ];
}

/** Every CLB that both gateways share, from the annotations of their Services. */
async function discoverRoutes(ports: Ports, pair: Pair): Promise<readonly Route[]> {
  const { source, target } = refsOf(ports, pair);
  const [sources, targets] = await Promise.all([ports.router.discover(source), ports.router.discover(target)]);
  const problems: InputProblem[] = [];
  const routes = sources.flatMap((service): Route[] => {
    const loadBalancer = loadBalancerOf(service);
    if (loadBalancer === null) return [];
    const twin = targets.find((one) => loadBalancerOf(one) === loadBalancer);
    if (twin === undefined) {
      problems.push({
        path: 'spec.target',
        message: `no Service of the target uses ${loadBalancer}, which ${service.name} uses`,
      });
      return [];
    }
    const { mappings, message } = sharedPorts(service, twin);
    if (message !== null) problems.push({ path: 'spec.target', message });
    return [{ loadBalancer, source: serviceRef(service), target: targetRef(twin, target), ports: mappings }];
  });
  if (routes.length === 0 && problems.length === 0) {
    problems.push({
      path: 'spec.source',
      message: `${pair.source.namespace}/${pair.source.name} uses no CLB by id and vgroup-port`,
    });
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  return routes;
}

function refsOf(ports: Ports, { source, target }: Pair): { readonly source: ServiceRef; readonly target: GatewayRef } {
  const cluster = source.cluster ?? ports.installation.clusters[0];
  const mesh = target.mesh ?? ports.installation.meshes[0];
  if (cluster === undefined)
    throw new InvalidInputError([{ path: 'spec.source', message: 'the installation names no cluster' }]);
  if (mesh === undefined)
    throw new InvalidInputError([{ path: 'spec.target', message: 'the installation names no mesh' }]);
  return {
    source: { kind: 'service', cluster, namespace: source.namespace, name: source.name },
    target: { kind: 'gateway', mesh, namespace: target.namespace, name: target.name },
  };
}

function loadBalancerOf(service: ServiceReading): string | null {
  return service.annotations === null ? null : readAnnotation(service.annotations, 'id');
}

/** Ports that both sides map to the same group; a port that only one side maps would go dark at share 100 (E36). */
function sharedPorts(
  source: ServiceReading,
  target: ServiceReading,
): { readonly mappings: readonly PortMapping[]; readonly message: string | null } {
  const [ofSource, ofTarget] = [mappingsOf(source), mappingsOf(target)];
  const all = [...new Map([...ofSource, ...ofTarget].map((one) => [`${one.group}:${one.port}`, one])).values()];
  const has = (mappings: readonly PortMapping[], one: PortMapping): boolean =>
    mappings.some(({ port, group }) => port === one.port && group === one.group);
  const lonely = all.filter((one) => !has(ofSource, one) || !has(ofTarget, one));
  const names = lonely.map(({ group, port }) => `${group}:${port}`).join(', ');
  const message =
    lonely.length > 0
      ? `vgroup-port of ${source.name} and ${target.name} differ in ${names}: both must map every port to the same group`
      : all.length === 0
        ? `${source.name} maps no port to a vServer group`
        : null;
  return { mappings: all, message };
}

function mappingsOf(service: ServiceReading): readonly PortMapping[] {
  const text = readAnnotation(service.annotations ?? {}, 'vgroup-port') ?? '';
  const pairs = text === '' ? [] : (parseVgroupPort(text) ?? []);
  // Not trimmed: a space makes the controller look for another group, so it must be seen as one.
  return pairs.map(({ group, port }) => ({ group, port: Number(port) }));
}

function serviceRef({ cluster, namespace, name }: ServiceReading): ServiceRef {
  return { kind: 'service', cluster, namespace, name };
}

/** The IstioGateway carries the weight of its own Service; further Services of the gateway carry their own. */
function targetRef(service: ServiceReading, gateway: GatewayRef): Route['target'] {
  return service.name === `istio-${gateway.name}` ? gateway : serviceRef(service);
}

export interface Starting {
  readonly run: string;
  readonly actor: string;
  /** Absent: it migrates. */
  readonly isRehearsal?: boolean;
}

/**
 * Takes the claims and makes the record. Nothing is written to a cluster yet.
 * @throws ConflictError naming the migration that holds what this one needs, or has the name
 */
export async function startMigration(
  ports: Ports,
  spec: Spec,
  { run, actor, isRehearsal = false }: Starting,
): Promise<MigrationRecord> {
  const previous = await ports.store.load(spec.name);
  if (previous !== null && previous.run === run) return previous;
  refuseUnfinished(previous);
  const holder = { name: spec.name, run };
  const claims = claimsOf(spec);
  // Read before the claims are taken: between claim and record a start looks as if it had died.
  const fence = await highestFence(ports, spec);
  await takeClaims(ports, claims, holder);
  try {
    const atMs = await ports.store.now();
    const revision = 1 + Math.max(previous?.revision ?? 0, fence);
    const { watchEveryMs } = ports.installation;
    const measuredBefore = previous === null ? [] : measuredIn(previous);
    const begun = beginRecord({ spec, run, atMs, revision, watchEveryMs, isRehearsal, measuredBefore });
    // Notices of the run before that are still on their way are not lost with its record.
    const record = { ...begun.record, outbox: [...(previous?.outbox ?? []), ...begun.record.outbox] };
    const line = historyOf('command', `${isRehearsal ? 'rehearse' : 'start'} ${spec.name}`, run, revision, atMs, actor);
    if (await ports.store.commit(record, previous?.revision ?? 0, [line, ...begun.history])) return record;
    throw new ConflictError(`somebody else started ${spec.name} at the same moment`);
  } catch (error) {
    // A store that gave no answer may have made the record: its claims stay, and where it did not, the next start takes them.
    if (!(error instanceof TransientError)) await ports.store.release(claims, holder);
    throw error;
  }
}

function refuseUnfinished(previous: MigrationRecord | null): void {
  if (previous === null) return;
  if (!previous.isFinal) throw new ConflictError(`${previous.name} is under way already (${previous.state})`);
  if (previous.outbox.some(({ effect }) => effect.type !== 'deliver')) {
    throw new ConflictError(`${previous.name} is still giving back what its last run held: try again in a moment`);
  }
}
