import type { Series } from './series.ts';

/**
 * By how much the counters of one query grew in each window, null where nothing was known at one of its ends.
 *
 * Each counter for itself, and then the sum: of a sum that falls, nobody can tell a restart from a counter that is no
 * longer shown. A counter that shows less than before began again at zero. One that is new counts from zero where its
 * pod was known before - the counter of a code is made with the first answer of that code - and else only from here on.
 *
 * @param known the counters of the requests, which say when a pod was seen; for themselves, the same as `counters`
 */
export function increases(
  counters: readonly Series[],
  known: readonly Series[],
  windows: number,
): readonly (number | null)[] {
  const groups = Array.from({ length: windows + 1 }, (_, at) => groupsAt(known, at));
  const sums = Array.from({ length: windows }, (_, window): number | null => {
    const isSeen = [...(groups[window] ?? [])].some((group) => groups[window + 1]?.has(group));
    return isSeen ? 0 : null;
  });
  for (const { group, values } of counters) {
    let before = 0;
    for (let window = 0; window < windows; window += 1) {
      before = values[window] ?? before;
      const after = values[window + 1] ?? null;
      const isSeen = groups[window]?.has(group) && groups[window + 1]?.has(group);
      if (after === null || !isSeen) continue;
      sums[window] = (sums[window] ?? 0) + (after < before ? after : after - before);
    }
  }
  return sums.map((sum) => (sum === null ? null : Math.round(sum)));
}

function groupsAt(known: readonly Series[], at: number): ReadonlySet<string> {
  return new Set(known.filter(({ values }) => (values[at] ?? null) !== null).map(({ group }) => group));
}
