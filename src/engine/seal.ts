import { isWritten } from '../domain/agreement.ts';
import { type Baseline, goalOf } from '../domain/baseline.ts';
import { sides } from '../domain/spec.ts';
import { splitDifferences } from '../domain/split.ts';
import type { Ports } from '../ports/ports.ts';

/**
 * Brings our fence to every object that says already what the baseline says, and needs no other write: a writer of
 * before, frozen in the middle of a shift, must find a newer fence wherever it wakes up (rule 6).
 *
 * @param enough a fence that keeps every writer of before out, where that is less than `fence`
 * @returns true where no object was left without it when it was read
 */
export async function seal(
  router: Ports['router'],
  baseline: Baseline,
  fence: number,
  enough: number = fence,
): Promise<boolean> {
  let isSealed = true;
  for (const kept of baseline.routes) {
    const goal = goalOf(kept);
    const readings = await router.read(kept.route);
    for (const side of sides) {
      if ((readings[side].carrier?.fence ?? -1) >= enough) continue;
      isSealed = false;
      // A change of any annotation makes the controller set what the weight says, whatever was set at the CLB meanwhile:
      // where that is another than the baseline's, restoring writes it, in the order that is safe.
      if (isWritten(readings[side], goal[side])) await router.seal(kept.route, side, fence);
    }
  }
  for (const { route, split } of baseline.subsets) {
    const observation = await router.readSplit(route);
    if ((observation.carrier?.fence ?? -1) >= enough) continue;
    isSealed = false;
    if (splitDifferences(observation, split).length === 0) await router.writeSplit(route, split, fence);
  }
  return isSealed;
}
