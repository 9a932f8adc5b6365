import { type MigrationContext, stageOf } from '../../state-machines/context.ts';
import type { Look } from '../../state-machines/events.ts';
import { type Difference, ownOf, type RouteGoal } from '../domain/agreement.ts';
import { backendsKey } from '../domain/backends-key.ts';
import { goneAfterMs } from '../domain/judge/findings.ts';
import { type JudgedStep, judgedFrom } from '../domain/judge/judging.ts';
import { leftoversOf } from '../domain/leftover.ts';
import { isKnown, type RouteObservation, readyPods, type ServiceReading } from '../domain/observation.ts';
import { dueProbes, type ProbeAnswer } from '../domain/probe-health.ts';
import { rolloutAt } from '../domain/rollout.ts';
import type { SourcePods } from '../domain/source-capacity.ts';
import { sourcesOf } from '../domain/sources.ts';
import type { ProbeSpec, Route, Side } from '../domain/spec.ts';
import { achievedSplit } from '../domain/split.ts';
import { loadBalancerOf } from '../domain/stages.ts';
import { podsBehindFrom, type Split, type SubsetObservation, subsetsOf } from '../domain/subset-route.ts';
import { miscounted, observedShare, observedShares } from '../domain/verdict.ts';
import { messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { agreementOf } from './converge.ts';
import { entriesOf } from './entries.ts';
import { judgeSources, ofRoute } from './judge-sources.ts';
import { judgedStepOf } from './judged-step.ts';
import { observeAll } from './observe.ts';
import { pairProbes } from './pair-probes.ts';
import { alertsAgainst, withAlerts } from './read-alerts.ts';
import { countedBy, readSources } from './read-signals.ts';
import { achievedOf } from './shift.ts';
import { observeSplits, splitAgreement } from './splits.ts';

/** The observed share is of the newest requests: of so long. */
const observedOverMs = 20_000;
/** What is left over, and which share subsets counted, is of so long. */
const readBackMs = 600_000;
/** A record has a limit; so many are more than anybody reads. */
const differencesMax = 100;

/** One look at everything. What cannot be read is `unknown` or `error`, never good and never bad. */
export async function look(ports: Ports, context: MigrationContext, revision: number, atMs: number): Promise<Look> {
  const [seen, { miscounted, ...signals }, alerts] = await Promise.all([
    seeRoutes(ports, context),
    readSignals(ports, context, atMs),
    alertsAgainst(ports, context.spec, context.baseline?.takenAtMs ?? atMs),
  ]);
  const [[answers, unkept], entries] = await Promise.all([
    seen.observations === null ? [[], []] : askBoth(ports, context, seen, atMs),
    entriesOf(ports, context, atMs),
  ]);
  const { verdict } = signals;
  return {
    // Of subsets the requests that they count themselves are the proof: there is no load balancer to ask.
    weights: miscounted === null || seen.weights === 'unknown' ? seen.weights : 'differ',
    differences: miscounted === null ? seen.differences : bounded([...seen.differences, miscounted]),
    cause: miscounted === null ? seen.cause : `${seen.cause} counters`.trim(),
    isAtClbOnly: miscounted === null && seen.isAtClbOnly,
    backends: seen.backends,
    newerFence: newerFence(seen, revision),
    isSourceCarrying: isCarrying(seen),
    restarting: (seen.observations ?? []).map(({ target }) => rolloutAt(target, 'passes')).find(Boolean) ?? null,
    gatewayFields: (seen.observations ?? []).map(({ target }) => target.carrier?.restarting ?? null),
    sourcePods: sourcePods(seen),
    achieved: achievedOf(seen.observations ?? []),
    achievedSplits: (seen.splits ?? []).map(achievedSplit),
    answers,
    entries,
    ...signals,
    verdict: withAlerts({ ...verdict, findings: [...verdict.findings, ...unkept] }, alerts),
  };
}

interface Seen extends Pick<Look, 'weights' | 'differences' | 'cause' | 'isAtClbOnly' | 'backends'> {
  /** Null where something of it could not be read. */
  readonly observations: readonly RouteObservation[] | null;
  readonly splits: readonly SubsetObservation[] | null;
}

async function seeRoutes(ports: Ports, context: MigrationContext): Promise<Seen> {
  try {
    const { routes, subsets } = context.spec;
    const [observations, splits, listeners] = await Promise.all([
      observeAll(ports, routes),
      observeSplits(ports, subsets),
      listenerDifferences(ports, routes),
    ]);
    const agreements = observations.map((one, index) => agreementOf(one, context.goals[index] as RouteGoal));
    const unsplit = splits.flatMap((one, index) => splitAgreement(one, context.splits[index] as Split));
    const differing = listeners.length + unsplit.length > 0 || agreements.some(({ weights }) => weights === 'differ');
    const weights = differing ? 'differ' : agreements.every((one) => one.weights === 'agree') ? 'agree' : 'unknown';
    const differences = agreements.flatMap((one) => one.differences);
    const others = [...listeners, ...unsplit];
    return {
      weights,
      differences: bounded([...others, ...differences.map(({ text }) => text)]),
      cause: causeOf(others, differences),
      isAtClbOnly: others.length === 0 && differences.every(({ at }) => at === 'clb'),
      backends: backendsKey(observations),
      observations,
      splits,
    };
  } catch (error) {
    const nothing = { isAtClbOnly: false, backends: '', observations: null, splits: null };
    return { weights: 'unknown', differences: [messageOf(error)], cause: '', ...nothing };
  }
}

/** A listener that stops, or sends requests by something else than weight, makes every weight meaningless (reference E1, E13). */
async function listenerDifferences(
  { loadBalancer }: Pick<Ports, 'loadBalancer'>,
  routes: readonly Route[],
): Promise<readonly string[]> {
  const ids = [...new Set(routes.map((route) => route.loadBalancer))];
  const listeners = (await Promise.all(ids.map((id) => loadBalancer.describeListeners(id)))).flat();
  return routes
    .flatMap(({ ports }) => ports)
    .flatMap(({ port, group }) => {
      const listener = listeners.find((one) => one.group === group);
      if (listener === undefined) return [`no listener uses ${group} (port ${port}) any more`];
      if (listener.status !== 'running') return [`listener ${listener.port} is ${listener.status}`];
      return [
        ...(listener.scheduler === 'wrr'
          ? []
          : [`listener ${listener.port} schedules by ${listener.scheduler}, not by weight`]),
        ...(listener.isSticky ? [`listener ${listener.port} has session stickiness, which pins clients`] : []),
      ];
    });
}

function newerFence({ observations, splits }: Seen, revision: number): number | null {
  const carriers = [
    ...(observations ?? []).flatMap(({ source, target }) => [source.carrier, target.carrier]),
    ...(splits ?? []).map(({ carrier }) => carrier),
  ];
  const fences = carriers.map((carrier) => carrier?.fence ?? 0);
  const highest = Math.max(0, ...fences);
  return highest > revision ? highest : null;
}

function isCarrying({ observations, splits }: Seen): boolean {
  if (observations === null || splits === null) return false;
  return observations.every(isSourceCarrying) && splits.every((one) => (podsBehindFrom(one) ?? 0) > 0);
}

function sourcePods({ observations, splits }: Seen): SourcePods {
  if (observations === null || splits === null) return [];
  return [...observations.map(({ source }) => readyPods(source)), ...splits.map(podsBehindFrom)];
}

function isSourceCarrying({ groups, source }: RouteObservation): boolean {
  return groups.every((group) => ownOf(group, source).some(({ weight, health }) => weight > 0 && health === 'normal'));
}

function bounded(texts: readonly string[]): readonly string[] {
  const more = texts.length - differencesMax;
  return more <= 0 ? texts : [...texts.slice(0, differencesMax), `and ${more} more`];
}

/**
 * Where an annotation or a Service was changed, the backends that differ only follow it, one look after the other: the
 * same change must not look like another cause once the controller has caught up (rule 8).
 */
function causeOf(listeners: readonly string[], differences: readonly Difference[]): string {
  const first = (['annotation', 'service', 'clb'] as const).find((where) => differences.some(({ at }) => at === where));
  const texts = differences.filter(({ at }) => at === first).map(({ text }) => text);
  return bounded([...listeners, ...texts]).join('; ');
}

/** The probes that are due, and the pairs; what of the pairs could not be kept is said, and is no answer. */
function askBoth(
  ports: Ports,
  context: MigrationContext,
  { observations, splits }: Seen,
  atMs: number,
): Promise<readonly [readonly ProbeAnswer[], readonly string[]]> {
  const servicesOf = (side: Side) => [
    ...(observations ?? []).flatMap((observation) => observation[side].services),
    ...(splits ?? []).flatMap((one) => subsetsOf(one, side).flatMap(({ services }) => services ?? [])),
  ];
  const pairs = pairProbes(ports, context, servicesOf, atMs).then(
    () => [],
    (error: unknown) => [`paired probes: ${messageOf(error)}`],
  );
  return Promise.all([askProbes(ports, context, servicesOf, atMs), pairs]);
}

function askProbes(
  ports: Ports,
  context: MigrationContext,
  servicesOf: (side: Side) => readonly ServiceReading[],
  atMs: number,
): Promise<readonly ProbeAnswer[]> {
  return Promise.all(
    dueProbes(context.spec.probes, context.probes, atMs).map(({ probe, side }) =>
      askProbe(ports, probe, side, servicesOf(side)),
    ),
  ).then((answers) => answers.flat());
}

/** No answer where only a part of the side could be read and that part is well: of the rest nothing is known. */
async function askProbe(
  { probe: port }: Pick<Ports, 'probe'>,
  probe: ProbeSpec,
  side: Side,
  services: readonly ServiceReading[],
): Promise<readonly ProbeAnswer[]> {
  const known = services.filter(isKnown);
  if (known.length === 0) return [];
  const { isOk, detail } = await port.ask(probe, known);
  return isOk && known.length < services.length ? [] : [{ probe: probe.name, side, isOk, detail }];
}

type Signalled = Pick<Look, 'verdict' | 'judging' | 'observed' | 'observedOn' | 'leftovers'> & {
  readonly miscounted: string | null;
};

/** One after the other, only what came through the load balancer of the route that moves says how its step does. */
async function readSignals(ports: Ports, context: MigrationContext, atMs: number): Promise<Signalled> {
  const { spec, achieved } = context;
  const { routes, subsets, tolerance } = spec;
  const stage = stageOf(context);
  const step = judgedStepOf(context);
  const readings = await readSources(ports, spec, readFrom(context, step, atMs));
  const all = countedBy(readings);
  const isBlind = readings.every(({ trouble }) => trouble !== null);
  const samples = ofRoute(all, loadBalancerOf(stage, routes));
  const verifiedAtMs = context.verifiedAtMs ?? atMs;
  const observedSinceMs = Math.max(context.verifiedAtMs ?? 0, atMs - observedOverMs);
  const loadBalancers = routes.map(({ loadBalancer }) => loadBalancer);
  const counted = { share: stage.step.share, sinceMs: verifiedAtMs + spec.settleMs, tolerance };
  const isCounted = subsets.length > 0 && step !== null && !isBlind;
  return {
    ...(await judgeSources(ports, context, step, readings, atMs)),
    observed: observedShare(samples, observedSinceMs),
    observedOn: observedShares(all, loadBalancers, observedSinceMs),
    leftovers: isBlind
      ? context.leftovers
      : leftoversOf({ achieved, side: 'source', samples: all, sinceMs: verifiedAtMs, atMs }),
    miscounted: isCounted ? miscounted(samples, counted) : null,
  };
}

/** What the judges have not counted yet, who counts, and what is shown of the newest samples. */
function readFrom(context: MigrationContext, step: JudgedStep | null, atMs: number): number {
  const { judging, spec, achieved } = context;
  const judged = step === null ? [] : sourcesOf(spec.analysis).map((source) => judgedFrom(judging[source], step));
  const needsMinutes = spec.subsets.length > 0 || achieved.some(({ sourceWeight }) => sourceWeight === 0);
  const backMs = needsMinutes ? readBackMs : step === null ? observedOverMs : goneAfterMs;
  return Math.min(atMs - backMs, ...judged);
}
