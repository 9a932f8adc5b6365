import type { MigrationContext } from '../../state-machines/context.ts';
import { achievedShares, type RouteGoal } from '../domain/agreement.ts';
import type { RouteObservation } from '../domain/observation.ts';
import { cautious } from '../domain/shift.ts';
import type { Split } from '../domain/subset-route.ts';
import type { Ports } from '../ports/ports.ts';
import { converge, type Writer } from './converge.ts';
import { observeAll } from './observe.ts';
import { again, answer, type Outcome } from './outcome.ts';
import { cautiousSplit, convergeSplit, observeSplits } from './splits.ts';

const pollMs = 1_000;

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
