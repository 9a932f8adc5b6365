import type { MigrationContext } from '../../state-machines/context.ts';
import type { RouteGoal } from '../domain/agreement.ts';
import { type Baseline, type BaselineRoute, goalOf } from '../domain/baseline.ts';
import { keptPair, shapesOf, stepGoal } from '../domain/goal.ts';
import { isKnown, type RouteObservation } from '../domain/observation.ts';
import { settle, shiftOnPaper } from '../domain/paper-shift.ts';
import { idleGoal } from '../domain/rehearsal.ts';
import { rolloutAt } from '../domain/rollout.ts';
import { nearestPair } from '../domain/share.ts';
import { type Stage, stagesOf } from '../domain/stages.ts';
import { TransientError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { observeAll } from './observe.ts';
import { answer, type Outcome } from './outcome.ts';
import { planSplits } from './splits.ts';

/**
 * The weights that bring every route nearest to what a stage asks of it, from the backends that are there now.
 *
 * @throws TransientError while not all of a target can be read: weights that count on a part of its backends would give
 *   it more than is asked
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
  const observations = await observeAll(ports, spec.routes);
  const restart = observations.map(({ target }) => rolloutAt(target, 'counts')).find(Boolean);
  // What is taken back goes whatever the target does.
  if (restart && stage.step.share > 0 && context.holdWhenVerified === null) {
    return answer({ type: 'shift.postponed', question, reason: restart });
  }
  const goals: RouteGoal[] = [];
  for (const [index, observation] of observations.entries()) {
    const goal = planRoute(observation, context, stage, index);
    if ('unreachable' in goal) return answer({ type: 'shift.unreachable', question, reason: goal.unreachable });
    goals.push(goal);
  }
  const planned = planSplits(context, stage.step.share);
  if ('unreachable' in planned) return answer({ type: 'shift.unreachable', question, reason: planned.unreachable });
  const writes = observations.map((one, index) => shiftOnPaper(settle(one), goals[index] as RouteGoal).writes.length);
  return answer({
    type: 'shift.planned',
    question,
    goals,
    splits: planned.splits,
    writes: Math.max(planned.splits.length > 0 ? 1 : 0, ...writes),
  });
}

/** Routes that are still to come keep their baseline; those that are through keep their weights while these are near enough. */
function planRoute(
  observation: RouteObservation,
  { spec, baseline, goals, isRehearsal }: MigrationContext,
  stage: Stage,
  index: number,
): RouteGoal | { readonly unreachable: string } {
  const asked = stage.shares[index] ?? 0;
  const kept = (baseline as Baseline).routes[index] as BaselineRoute;
  if (isRehearsal && asked === 0) return idleGoal(observation, kept);
  if (stage.route !== null && index > stage.route) return goalOf(kept);
  const { loadBalancer } = observation.route;
  const shapes = shapesOf(observation);
  if (!isWhole(observation)) throw new TransientError(`${loadBalancer}: the target cannot be read`);
  const isThrough = stage.route !== null && index !== stage.route;
  const keeping = isThrough ? keptPair(asked, goals[index], shapes) : null;
  const planned = keeping !== null && keeping.missedBy <= spec.tolerance ? keeping : nearestPair(asked, shapes);
  if (planned === null) return { unreachable: `${loadBalancer}: a side has no backends` };
  if (planned.missedBy > spec.tolerance) {
    const nearest = planned.achieved.map((one) => one.toFixed(1)).join(' / ');
    return {
      unreachable: `${loadBalancer}: ${asked} per cent cannot be reached any more, the nearest is ${nearest}`,
    };
  }
  return stepGoal(observation, planned.weights);
}

function isWhole({ target }: RouteObservation): boolean {
  return target.carrier !== null && target.services.every(isKnown);
}
