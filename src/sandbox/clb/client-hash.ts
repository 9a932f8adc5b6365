import type { Client, Scheduler } from './scheduler.ts';

/**
 * `sch` and `tch`: one client always reaches the same item, by the hash of what `partOf` takes of it. Each item draws a
 * lot for the client, heavier by its weight, and the highest wins: a change of one weight moves only the clients that
 * must move, and over many clients the split is by weight. Over few it is anything (reference E1). The vendor does not
 * publish its hash.
 */
export function clientHash<T>(
  items: readonly T[],
  weightOf: (item: T) => number,
  keyOf: (item: T) => string,
  partOf: (client: Client) => string,
): Scheduler<T> {
  const choose = (among: readonly T[], client: Client): T | null => {
    let best: T | null = null;
    let highest = Number.NEGATIVE_INFINITY;
    for (const item of among) {
      const lot = -weightOf(item) / Math.log(unitHash(`${partOf(client)}>${keyOf(item)}`));
      if (lot > highest) [best, highest] = [item, lot];
    }
    return best;
  };
  return {
    next: (client) => choose(items, client),
    insteadOf: (isRefused, client) =>
      choose(
        items.filter((item) => !isRefused(item)),
        client,
      ),
  };
}

/** A number strictly between 0 and 1 that the text alone decides: FNV-1a with the finish of MurmurHash3. */
function unitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 4_294_967_296;
}
