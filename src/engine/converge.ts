import { type Difference, differencesOf, type RouteGoal } from '../domain/agreement.ts';
import { type RouteObservation, readingOf } from '../domain/observation.ts';
import { type Move, type MoveOptions, nextMove } from '../domain/shift.ts';
import { sides } from '../domain/spec.ts';
import { FencedError, messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';

/** Where a route stands after one look, and at most one write, towards its goal. */
export interface Progress {
  readonly observation: RouteObservation;
  readonly state: 'verified' | 'moving' | 'blocked';
  readonly note: string;
}

/**
 * One look, one move. What to do is found from what is there and never from what was done before, so a crash between
 * any two calls, or a second invocation beside this one, changes nothing about the end.
 */
export async function converge(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  observation: RouteObservation,
  goal: RouteGoal,
  fence: number,
  options: MoveOptions,
): Promise<Progress> {
  const { route } = observation;
  const move = nextMove(observation, goal, options);
  const progress = progressOf(observation, move);
  if (move.kind !== 'write') return progress;
  try {
    await ports.router.write(route, move.side, move.weights, fence);
    return {
      ...progress,
      note: `${move.side} weight "${move.weights.weight ?? 'absent'}" written on ${route.loadBalancer}`,
    };
  } catch (error) {
    // A rollback goes on with the other side when one cannot be written (rule 5); a shift just tries again.
    if (error instanceof FencedError || options.avoid !== null || !options.isOverdue) throw error;
    const other = await converge(ports, observation, goal, fence, { ...options, avoid: move.side });
    return { ...other, state: 'moving', note: `${messageOf(error)}; ${other.note}` };
  }
}

function progressOf(observation: RouteObservation, move: Move): Progress {
  switch (move.kind) {
    case 'verified':
      return { observation, state: 'verified', note: '' };
    case 'wait':
      return { observation, state: 'moving', note: `waiting for ${move.waitingFor}` };
    case 'blocked':
      return { observation, state: 'blocked', note: move.reason };
    case 'write':
      return { observation, state: 'moving', note: '' };
    default:
      return move satisfies never;
  }
}

/** A route's agreement with its goal, for a look that only looks. */
export function agreementOf(
  observation: RouteObservation,
  goal: RouteGoal,
): { readonly weights: 'agree' | 'differ' | 'unknown'; readonly differences: readonly Difference[] } {
  const differences = differencesOf(observation, goal);
  if (differences.length === 0) {
    const unfenced = sides.filter((side) => readingOf(observation, side).carrier?.fence === null);
    const vanished = unfenced.map(
      (side): Difference => ({
        side,
        at: 'annotation',
        text: `the ${side} lost its fence annotation`,
        isSettling: false,
      }),
    );
    return { weights: vanished.length === 0 ? 'agree' : 'differ', differences: vanished };
  }
  return { weights: differences.every(({ isSettling }) => isSettling) ? 'unknown' : 'differ', differences };
}
