import type { Spec } from '../domain/spec.ts';
import type { Ports } from '../ports/ports.ts';
import { observeSplits } from './splits.ts';

/** Of all objects of the routes and subsets; 0 where nobody ever wrote one. */
export async function highestFence(
  { router }: Pick<Ports, 'router'>,
  { routes, subsets }: Pick<Spec, 'routes' | 'subsets'>,
): Promise<number> {
  const [readings, splits] = await Promise.all([
    Promise.all(routes.map((route) => router.read(route))),
    observeSplits({ router }, subsets),
  ]);
  return Math.max(
    0,
    ...readings.flatMap(({ source, target }) => [source.carrier?.fence ?? 0, target.carrier?.fence ?? 0]),
    ...splits.map(({ carrier }) => carrier?.fence ?? 0),
  );
}
