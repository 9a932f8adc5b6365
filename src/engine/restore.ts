import { type AchievedShare, achievedShares, ownOf } from '../domain/agreement.ts';
import { type Baseline, type BaselineRoute, goalOf } from '../domain/baseline.ts';
import { blindObservation, glassMoves } from '../domain/break-glass.ts';
import type { RouteObservation } from '../domain/observation.ts';
import type { MoveOptions } from '../domain/shift.ts';
import type { ProbeSpec } from '../domain/spec.ts';
import type { AchievedSplit } from '../domain/subset-route.ts';
import { FencedError, messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { converge, type Progress, type Writer } from './converge.ts';
import { observe } from './observe.ts';
import { restoreSplits } from './splits.ts';

/** After so long one side no longer waits for the other to be verified: a rollback must not depend on both (rule 5). */
const overdueMs = 15_000;
/** The CLB may differ for so long from what the cloud controller has processed before that is nudged. */
const quietMs = 5_000;
export type RestorePorts = Pick<Ports, 'router' | 'loadBalancer' | 'probe'>;

export interface Restoring {
  readonly baseline: Baseline;
  readonly probes: readonly ProbeSpec[];
  readonly fence: number;
  /** What its nudges are known by, the same over all looks: a controller that says nothing gets one an object. */
  readonly nudge: number;
  /** Now, by the clock whose times are kept beside the fence. */
  readonly atMs: number;
  /** How long the rollback has been under way. */
  readonly forMs: number;
  readonly isForced: boolean;
  /** Does the work while nobody else writes to this CLB (rule 6); false, and nothing done, where somebody is. */
  readonly exclusively: (loadBalancer: string, work: () => Promise<void>) => Promise<boolean>;
}

export interface Restored {
  readonly state: Progress['state'];
  readonly note: string;
  readonly achieved: readonly AchievedShare[];
  readonly achievedSplits: readonly AchievedSplit[];
  /** What was set straight at the CLB in this look, and why; null where nothing was. */
  readonly brokeGlass: string | null;
}

/** One look and at most one write a side towards the baseline; every route on its own, so that none holds up another. */
export async function restore(ports: RestorePorts, restoring: Restoring): Promise<Restored> {
  const { baseline, fence, forMs, isForced } = restoring;
  const isPatienceOver = forMs > baseline.patience.capacityMs;
  const splitting = restoreSplits(ports, { kept: baseline.subsets, fence, isPatienceOver, isForced });
  const [settled, [splits]] = await Promise.all([
    Promise.allSettled(baseline.routes.map((route) => restoreRoute(ports, route, restoring))),
    Promise.allSettled([splitting]),
  ]);
  const failed = [...settled, splits].find((one) => one.status === 'rejected');
  // The other routes have had their move; the error decides when to look again.
  if (failed !== undefined) throw failed.reason;
  const routes = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const ofSplits = splits.status === 'fulfilled' ? splits.value : [];
  const broken = routes.flatMap(({ brokeGlass }) => brokeGlass ?? []);
  return {
    state: worst([...routes, ...ofSplits]),
    note: [...routes, ...ofSplits].flatMap(({ note }) => note || []).join('; '),
    achieved: routes.flatMap(({ observation }) => achievedShares(observation)),
    achievedSplits: ofSplits.map(({ achieved }) => achieved),
    brokeGlass: broken.length === 0 ? null : broken.join('; '),
  };
}

function worst(routes: readonly Pick<Progress, 'state'>[]): Progress['state'] {
  if (routes.some(({ state }) => state === 'blocked')) return 'blocked';
  return routes.every(({ state }) => state === 'verified') ? 'verified' : 'moving';
}

interface RouteProgress extends Progress {
  readonly brokeGlass: string | null;
}

async function restoreRoute(
  ports: RestorePorts,
  baseline: BaselineRoute,
  restoring: Restoring,
): Promise<RouteProgress> {
  const isGlassTime = restoring.forMs > restoring.baseline.patience.breakGlassMs;
  const seen = await see(ports, baseline, isGlassTime);
  const options = await optionsFor(ports, seen.observation, baseline, restoring);
  const progress = await towards(ports, seen, baseline, restoring, options);
  if (progress.state === 'verified' || !isGlassTime) return { ...progress, brokeGlass: null };
  return { ...progress, ...(await breakGlass(ports, seen.observation, baseline, restoring, options, progress.note)) };
}

interface Seen {
  readonly observation: RouteObservation;
  /** Why the Kubernetes side could not be read; null where it could. */
  readonly blindBecause: string | null;
}

/** Once it is time to break glass, the load balancer alone is enough to look at. */
async function see(ports: RestorePorts, baseline: BaselineRoute, isGlassTime: boolean): Promise<Seen> {
  try {
    return { observation: await observe(ports, baseline.route), blindBecause: null };
  } catch (error) {
    if (!isGlassTime) throw error;
    const { loadBalancer, ports: mappings } = baseline.route;
    const groups = await ports.loadBalancer.describeGroups(loadBalancer, mappings);
    return { observation: blindObservation(baseline, groups), blindBecause: messageOf(error) };
  }
}

async function towards(
  ports: RestorePorts,
  { observation, blindBecause }: Seen,
  baseline: BaselineRoute,
  restoring: Restoring,
  options: MoveOptions,
): Promise<Progress> {
  if (blindBecause !== null) return { observation, state: 'moving', note: blindBecause, failure: null };
  try {
    return await converge(ports, observation, goalOf(baseline), writerOf(restoring), options);
  } catch (error) {
    if (error instanceof FencedError || restoring.forMs <= restoring.baseline.patience.breakGlassMs) throw error;
    return { observation, state: 'moving', note: messageOf(error), failure: null };
  }
}

function writerOf({ atMs, fence, forMs, nudge }: Restoring): Writer {
  return { atMs, fence, revision: nudge, sinceMs: atMs - forMs, quietMs, isGoingOn: true };
}

/** Sets the weights at the CLB itself; any reconcile may put the annotated ones back, so this is done at every look. */
async function breakGlass(
  ports: RestorePorts,
  observation: RouteObservation,
  baseline: BaselineRoute,
  restoring: Restoring,
  options: MoveOptions,
  because: string,
): Promise<{ readonly note: string; readonly brokeGlass: string | null }> {
  const moves = glassMoves(observation, baseline, options);
  const { loadBalancer } = baseline.route;
  if (moves.length === 0) return { note: because, brokeGlass: null };
  try {
    const isDone = await restoring.exclusively(loadBalancer, async () => {
      for (const { group, backends } of moves) await ports.loadBalancer.setWeights(group, backends);
    });
    if (!isDone) return { note: `${because}; somebody else is writing to ${loadBalancer}`, brokeGlass: null };
  } catch (error) {
    // The way over the annotations goes on meanwhile: this one is tried again at the next look.
    return { note: `${because}; and straight at the CLB: ${messageOf(error)}`, brokeGlass: null };
  }
  const groups = moves.map(({ group, side }) => `${side} in ${group}`).join(', ');
  const done = `weights of the ${groups} were set straight at ${loadBalancer}, because: ${because}`;
  return { note: done, brokeGlass: done };
}

async function optionsFor(
  ports: RestorePorts,
  observation: RouteObservation,
  baseline: BaselineRoute,
  restoring: Restoring,
): Promise<MoveOptions> {
  return {
    sourcePodsAtBaseline: baseline.sourcePods,
    isPatienceOver: restoring.forMs > restoring.baseline.patience.capacityMs,
    isOverdue: restoring.forMs > overdueMs,
    answers: { source: await sourceAnswers(ports, observation, restoring.probes), target: null },
    avoid: null,
    isForced: restoring.isForced,
  };
}

/** Asked only where the load balancer does not vouch for the source: then a probe may (rule 5). */
async function sourceAnswers(
  ports: Pick<Ports, 'probe'>,
  observation: RouteObservation,
  probes: readonly ProbeSpec[],
): Promise<boolean | null> {
  const isVouchedFor = observation.groups.every((group) =>
    ownOf(group, observation.source).some(({ health }) => health === 'normal'),
  );
  const asked = probes.filter(({ side }) => side !== 'target');
  if (isVouchedFor || asked.length === 0) return null;
  const results = await Promise.all(asked.map((probe) => ports.probe.ask(probe, observation.source.services)));
  return results.every(({ isOk }) => isOk);
}
