import type { MigrationContext } from '../../state-machines/context.ts';
import { achievedShares, type RouteGoal } from '../domain/agreement.ts';
import { type Baseline, type BaselineRoute, goalOf } from '../domain/baseline.ts';
import { keptPair, shapesOf, stepGoal } from '../domain/goal.ts';
import type { RouteObservation } from '../domain/observation.ts';
import { nearestPair } from '../domain/share.ts';
import { cautious } from '../domain/shift.ts';
import { stagesOf } from '../domain/stages.ts';
import type { Split } from '../domain/subset-route.ts';
import type { Ports } from '../ports/ports.ts';
import { converge, type Writer } from './converge.ts';
import { observeAll } from './observe.ts';
import { again, answer, type Outcome } from './outcome.ts';
import { cautiousSplit, convergeSplit, observeSplits, planSplits } from './splits.ts';

const pollMs = 1_000;

/**
 * The weights that bring every route nearest to what a stage asks of it, from the backends that are there now. Routes that
 * are still to come keep their baseline; those that are through keep their weights as long as these are near enough.
 */
export async function planShift(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  context: MigrationContext,
  question: number,
  step: number,
): Promise<Outcome> {
  const { spec } = context;
  const stage = stagesOf(spec)[step];
  if (stage === undefined) throw new Error(`there is no stage ${step} of ${spec.name}`);
  const { baseline } = context;
  const observations = await observeAll(ports, spec.routes);
  const goals: RouteGoal[] = [];
  for (const [index, observation] of observations.entries()) {
    const asked = stage.shares[index] ?? 0;
    if (stage.route !== null && index > stage.route) {
      goals.push(goalOf((baseline as Baseline).routes[index] as BaselineRoute));
      continue;
    }
    const shapes = shapesOf(observation);
    const kept = stage.route === null || index === stage.route ? null : keptPair(asked, context.goals[index], shapes);
    const planned = kept !== null && kept.missedBy <= spec.tolerance ? kept : nearestPair(asked, shapes);
    const loadBalancer = observation.route.loadBalancer;
    if (planned === null) {
      return answer({ type: 'shift.unreachable', question, reason: `${loadBalancer}: a side has no backends` });
    }
    if (planned.missedBy > spec.tolerance) {
      const reason = `${loadBalancer}: ${asked} per cent cannot be reached any more, the nearest is ${planned.achieved.map((one) => one.toFixed(1)).join(' / ')}`;
      return answer({ type: 'shift.unreachable', question, reason });
    }
    goals.push(stepGoal(observation, planned.weights));
  }
  const planned = planSplits(context, stage.step.share);
  if ('unreachable' in planned) return answer({ type: 'shift.unreachable', question, reason: planned.unreachable });
  return answer({ type: 'shift.planned', question, goals, splits: planned.splits });
}

/** The attempt at a shift that writes: when it looks, and the command that it carries out. */
export type Shifter = Pick<Writer, 'atMs' | 'fence' | 'revision' | 'sinceMs'>;

/**
 * One look and at most one write a route; verified only when every route's load balancer says so (rule 2). Failed where
 * the cloud controller goes on failing, or calls a success what the load balancer does not have (reference A10, A11).
 */
export async function shift(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  context: MigrationContext,
  question: number,
  shifter: Shifter,
): Promise<Outcome> {
  const writer: Writer = { ...shifter, quietMs: context.watchEveryMs, isGoingOn: false };
  const { routes, subsets } = context.spec;
  const [observations, splits] = await Promise.all([observeAll(ports, routes), observeSplits(ports, subsets)]);
  const [ofRoutes, ofSplits] = await Promise.all([
    Promise.all(
      observations.map((observation, index) =>
        converge(ports, observation, context.goals[index] as RouteGoal, writer, cautious),
      ),
    ),
    Promise.all(
      splits.map((observation, index) =>
        convergeSplit(ports, observation, context.splits[index] as Split, writer.fence, cautiousSplit),
      ),
    ),
  ]);
  const progress = [...ofRoutes, ...ofSplits];
  const failures = ofRoutes.flatMap(({ failure }) => failure ?? []);
  if (failures.length > 0) return answer({ type: 'shift.failed', question, reason: failures.join('; ') });
  if (progress.every(({ state }) => state === 'verified')) {
    const achievedSplits = ofSplits.map(({ achieved }) => achieved);
    return answer({ type: 'shift.verified', question, achieved: achievedOf(observations), achievedSplits });
  }
  const notes = progress.map(({ note }) => note).filter((note) => note !== '');
  return again(pollMs, notes.join('; '));
}

export function achievedOf(observations: readonly RouteObservation[]) {
  return observations.flatMap(achievedShares);
}
