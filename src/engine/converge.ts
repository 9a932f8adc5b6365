import { type Difference, differencesOf, type RouteGoal } from '../domain/agreement.ts';
import { hintOf, markFor, type Waiting } from '../domain/hints.ts';
import { type RouteObservation, readingOf } from '../domain/observation.ts';
import { type Move, type MoveOptions, nextMove, openBeside } from '../domain/shift.ts';
import { type Route, type Side, sides } from '../domain/spec.ts';
import { FencedError, messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { observe } from './observe.ts';

/** Where a route stands after one look, and at most one write, towards its goal. */
export interface Progress {
  readonly observation: RouteObservation;
  readonly state: 'verified' | 'moving' | 'blocked';
  readonly note: string;
  /** Why a shift waits no longer; a rollback goes on all the same, and has none. */
  readonly failure: string | null;
}

/** Who writes, and what its writes wait for. */
export interface Writer extends Waiting {
  readonly fence: number;
}

/**
 * One look, one move. What to do is found from what is there and never from what was done before, so a crash between
 * any two calls, or a second invocation beside this one, changes nothing about the end.
 */
export async function converge(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  observation: RouteObservation,
  goal: RouteGoal,
  writer: Writer,
  options: MoveOptions,
): Promise<Progress> {
  const { route } = observation;
  const { seen, move } = await decide(ports, observation, goal, writer, options);
  const progress = progressOf(seen, move);
  if (move.kind === 'verified') return progress;
  if (move.kind !== 'write') return heedHints(ports, progress, goal, writer);
  const { side, weights } = move;
  try {
    const mark = markFor(readingOf(seen, side), writer.atMs);
    await ports.router.write(route, side, weights, writer.fence, mark);
    return { ...progress, note: `${side} weight "${weights.weight ?? 'absent'}" written on ${route.loadBalancer}` };
  } catch (error) {
    // A rollback goes on with the other side when one cannot be written (rule 5); a shift just tries again.
    if (error instanceof FencedError || options.avoid !== null || !options.isOverdue) throw error;
    const other = await converge(ports, seen, goal, writer, { ...options, avoid: side });
    return { ...other, state: 'moving', note: `${messageOf(error)}; ${other.note}` };
  }
}

/** The next move; one that takes weight away is decided by a look at what no writer of before can change any more. */
async function decide(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  observation: RouteObservation,
  goal: RouteGoal,
  writer: Writer,
  options: MoveOptions,
): Promise<{ readonly seen: RouteObservation; readonly move: Move }> {
  let seen = observation;
  for (let round = 0; ; round++) {
    const move = nextMove(seen, goal, options);
    const isGuarded = move.kind === 'write' && writer.isGoingOn && options.avoid === null && round < sides.length;
    const open = isGuarded ? openBeside(seen, goal, move, Math.min(writer.revision, writer.fence)) : null;
    if (open === null || !(await isSealed(ports, seen.route, open, writer, options))) return { seen, move };
    seen = await observe(ports, seen.route);
  }
}

async function isSealed(
  { router }: Pick<Ports, 'router'>,
  route: Route,
  side: Side,
  { fence }: Writer,
  { isOverdue }: MoveOptions,
): Promise<boolean> {
  try {
    await router.seal(route, side, fence);
    return true;
  } catch (error) {
    // Later on a rollback no longer depends on a working write of the other side (rule 5).
    if (error instanceof FencedError || !isOverdue) throw error;
    return false;
  }
}

/** What the controller's own hints add to a look that found nothing to write. The CLB alone says what is verified. */
async function heedHints(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  progress: Progress,
  goal: RouteGoal,
  writer: Writer,
): Promise<Progress> {
  const { route } = progress.observation;
  let hint = hintOf(progress.observation, goal, writer);
  if (hint !== null && hint.kind !== 'wait') {
    // The look may have read the CLB just before the controller wrote it, and the hash just after: so it looks again.
    hint = hintOf(await observe(ports, route), goal, writer);
  }
  if (hint === null) return progress;
  if (hint.kind === 'nudge') await ports.router.nudge(route, hint.side, hint.mark, writer.fence);
  // People are told anew of a block whose words change.
  const note = progress.state === 'blocked' ? progress.note : `${progress.note}; ${hint.text}`;
  return { ...progress, note, failure: hint.kind === 'fail' ? hint.text : null };
}

function progressOf(observation: RouteObservation, move: Move): Progress {
  switch (move.kind) {
    case 'verified':
      return { observation, state: 'verified', note: '', failure: null };
    case 'wait':
      return { observation, state: 'moving', note: move.waitingFor, failure: null };
    case 'blocked':
      return { observation, state: 'blocked', note: move.reason, failure: null };
    case 'write':
      return { observation, state: 'moving', note: '', failure: null };
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
