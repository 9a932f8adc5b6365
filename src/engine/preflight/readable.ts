import type { Route, Spec } from '../../domain/spec.ts';
import { type SubsetObservation, virtualServiceName } from '../../domain/subset-route.ts';
import { ForbiddenError, InvalidInputError, messageOf, TerminalError } from '../../ports/errors.ts';
import type { Ports } from '../../ports/ports.ts';
import { bad, type Check, kindOf, pass, readableId } from './check.ts';
import type { RouteLook } from './look.ts';

const readable = kindOf({
  id: readableId,
  rows: [],
  asks: 'the objects of each route, its listeners, its load balancer and its vServer groups can be read',
  why: 'what cannot be read can be neither checked nor verified, so a start is refused; what does not depend on it is checked all the same',
  says: ['fail', 'unknown'],
});

export const readableKinds = [readable];

/** What is read of a route, each part by a right of its own. */
export type Part = 'sides' | 'groups' | 'listeners' | 'loadBalancer';

/** A route as far as it could be read. */
export interface RouteSeen {
  readonly loadBalancer: string;
  /** Null where the sides themselves cannot be read. Parts that are `unread` are empty in it. */
  readonly look: RouteLook | null;
  readonly unread: ReadonlySet<Part>;
  readonly checks: readonly Check[];
}

type Told<T> = { readonly value: T } | { readonly error: TerminalError | InvalidInputError };

/**
 * Reads every route; the CLB is asked once for its listeners and once for itself, however many routes share it.
 * @throws TransientError where trying again may help
 */
export async function seeRoutes(
  ports: Pick<Ports, 'router' | 'loadBalancer'>,
  spec: Spec,
): Promise<readonly RouteSeen[]> {
  const reads = {
    listeners: onceEach(ports.loadBalancer.describeListeners),
    loadBalancer: onceEach(ports.loadBalancer.describe),
  };
  return Promise.all(
    spec.routes.map(async (route) => {
      const [sides, groups, listeners, loadBalancer] = await Promise.all([
        told(Promise.all([ports.router.read(route), ports.router.survey(route)])),
        told(ports.loadBalancer.describeGroups(route.loadBalancer, route.ports)),
        told(reads.listeners(route.loadBalancer)),
        told(reads.loadBalancer(route.loadBalancer)),
      ]);
      const parts = { sides, groups, listeners, loadBalancer };
      return seenOf(spec, route, parts);
    }),
  );
}

interface Parts extends Readonly<Record<Part, Told<unknown>>> {
  readonly sides: Told<readonly [Awaited<ReturnType<Ports['router']['read']>>, RouteLook['survey']]>;
  readonly groups: Told<RouteLook['observation']['groups']>;
  readonly listeners: Told<RouteLook['listeners']>;
  readonly loadBalancer: Told<RouteLook['loadBalancer']>;
}

function seenOf(spec: Spec, route: Route, parts: Parts): RouteSeen {
  const { loadBalancer } = route;
  const failed = (Object.keys(parts) as Part[]).flatMap((part) => {
    const one = parts[part];
    return 'error' in one ? [{ part, error: one.error }] : [];
  });
  const unread = new Set(failed.map(({ part }) => part));
  const troubles = failed.map(({ error }) => unreadCheck(error));
  const checks = troubles.length > 0 ? troubles : [pass(readable, 'everything that the route stands on can be read')];
  if ('error' in parts.sides) return { loadBalancer, look: null, unread, checks };
  const [sides, survey] = parts.sides.value;
  const observation = { route, ...sides, groups: valueOr(parts.groups, []) };
  const listeners = valueOr(parts.listeners, []);
  const look = { spec, observation, survey, listeners, loadBalancer: valueOr(parts.loadBalancer, null) };
  return { loadBalancer, look, unread, checks };
}

/** The VirtualService of a subset route with what stands behind it, or the check that says why it cannot be read. */
export type SplitSeen =
  | { readonly split: SubsetObservation; readonly check: null }
  | { readonly split: null; readonly check: Check };

export function seeSplits({ router }: Pick<Ports, 'router'>, { subsets }: Spec): Promise<readonly SplitSeen[]> {
  return Promise.all(
    subsets.map(async (route): Promise<SplitSeen> => {
      const one = await told(router.readSplit(route));
      if ('value' in one) return { split: one.value, check: null };
      const check = unreadCheck(one.error);
      return { split: null, check: { ...check, found: `VirtualService ${virtualServiceName(route)}: ${check.found}` } };
    }),
  );
}

/** Says why something cannot be read; `unknown` where only a right is missing. */
export function unreadCheck(error: Error): Check {
  const isForbidden = error instanceof ForbiddenError;
  return bad(readable, isForbidden ? 'unknown' : 'fail', messageOf(error));
}

/** A failure that may pass by itself is not an answer about the migration: the caller asks again. */
async function told<T>(read: Promise<T>): Promise<Told<T>> {
  try {
    return { value: await read };
  } catch (error) {
    if (error instanceof TerminalError || error instanceof InvalidInputError) return { error };
    throw error;
  }
}

function valueOr<T>(one: Told<T>, otherwise: T): T {
  return 'value' in one ? one.value : otherwise;
}

function onceEach<T>(read: (id: string) => Promise<T>): (id: string) => Promise<T> {
  const asked = new Map<string, Promise<T>>();
  return (id) => {
    const answer = asked.get(id) ?? read(id);
    asked.set(id, answer);
    return answer;
  };
}
