import { type AchievedShare, achievedShares, ownOf } from '../domain/agreement.ts';
import { type Baseline, type BaselineRoute, goalOf } from '../domain/baseline.ts';
import type { RouteObservation } from '../domain/observation.ts';
import type { MoveOptions } from '../domain/shift.ts';
import type { ProbeSpec } from '../domain/spec.ts';
import type { Ports } from '../ports/ports.ts';
import { converge, type Progress } from './converge.ts';
import { observe } from './observe.ts';

/** After so long one side no longer waits for the other to be verified: a rollback must not depend on both (rule 5). */
const overdueMs = 15_000;

export interface Restoring {
  readonly baseline: Baseline;
  readonly probes: readonly ProbeSpec[];
  readonly fence: number;
  /** How long the rollback has been under way. */
  readonly forMs: number;
  readonly capacityPatienceMs: number;
  readonly isForced: boolean;
}

export interface Restored {
  readonly state: Progress['state'];
  readonly note: string;
  readonly achieved: readonly AchievedShare[];
}

/** One look and at most one write a route towards the baseline; every route on its own, so that one cannot hold up another. */
export async function restore(
  ports: Pick<Ports, 'router' | 'loadBalancer' | 'probe'>,
  restoring: Restoring,
): Promise<Restored> {
  const settled = await Promise.allSettled(
    restoring.baseline.routes.map((route) => restoreRoute(ports, route, restoring)),
  );
  const failed = settled.find((one) => one.status === 'rejected');
  // The other routes have had their move; the error decides when to look again.
  if (failed !== undefined) throw failed.reason;
  const progress = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const notes = progress.map(({ note }) => note).filter((note) => note !== '');
  return {
    state: worst(progress),
    note: notes.join('; '),
    achieved: progress.flatMap(({ observation }) => achievedShares(observation)),
  };
}

function worst(progress: readonly Progress[]): Progress['state'] {
  if (progress.some(({ state }) => state === 'blocked')) return 'blocked';
  return progress.every(({ state }) => state === 'verified') ? 'verified' : 'moving';
}

async function restoreRoute(
  ports: Pick<Ports, 'router' | 'loadBalancer' | 'probe'>,
  baseline: BaselineRoute,
  restoring: Restoring,
): Promise<Progress> {
  const observation = await observe(ports, baseline.route);
  const options: MoveOptions = {
    sourcePodsAtBaseline: baseline.sourcePods,
    isPatienceOver: restoring.forMs > restoring.capacityPatienceMs,
    isOverdue: restoring.forMs > overdueMs,
    answers: { source: await sourceAnswers(ports, observation, restoring.probes), target: null },
    avoid: null,
    isForced: restoring.isForced,
  };
  return converge(ports, observation, goalOf(baseline), restoring.fence, options);
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
