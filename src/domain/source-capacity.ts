import type { Baseline } from './baseline.ts';
import { virtualServiceName } from './subset-route.ts';

/** Ready pods of each source now, routes before subsets as in the baseline; null where they could not be counted. */
export type SourcePods = readonly (number | null)[];

/** Indices of the sources that have fewer ready pods than at the baseline; those of `before` stay where nothing is known. */
export function shrunkSources(baseline: Baseline, now: SourcePods, before: readonly number[]): readonly number[] {
  return sourcesOf(baseline).flatMap(({ pods }, index) => {
    const count = now[index] ?? null;
    const isShrunk = count === null ? before.includes(index) : count < pods;
    return isShrunk ? [index] : [];
  });
}

/** In words, with the numbers. */
export function describeShrunk(baseline: Baseline, now: SourcePods, indices: readonly number[]): string {
  const sources = sourcesOf(baseline);
  const texts = indices.map((index) => {
    const [source, count] = [sources[index], now[index] ?? 0];
    return `the source of ${source?.name} has ${count} ready ${count === 1 ? 'pod' : 'pods'} of the ${source?.pods} that it had at the start`;
  });
  return texts.join('; ');
}

function sourcesOf({ routes, subsets }: Baseline): readonly { readonly name: string; readonly pods: number }[] {
  return [
    ...routes.map(({ route, sourcePods }) => ({ name: route.loadBalancer, pods: sourcePods })),
    ...subsets.map(({ route, sourcePods }) => ({ name: virtualServiceName(route), pods: sourcePods })),
  ];
}
