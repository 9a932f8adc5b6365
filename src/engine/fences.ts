import type { Route } from '../domain/spec.ts';
import type { Ports } from '../ports/ports.ts';

/** Of all objects of the routes; 0 where nobody ever wrote one. */
export async function highestFence({ router }: Pick<Ports, 'router'>, routes: readonly Route[]): Promise<number> {
  const readings = await Promise.all(routes.map((route) => router.read(route)));
  return Math.max(
    0,
    ...readings.flatMap(({ source, target }) => [source.carrier?.fence ?? 0, target.carrier?.fence ?? 0]),
  );
}
