import type { Fault } from './faults.ts';
import { faultsOf, type RunResult, simulate } from './simulation.ts';
import type { Wiring } from './wiring.ts';

/** The least list of faults with which the seed still breaks the same rule: each is left out in turn, until none can be. */
export async function shrink(seed: number, wiring: Wiring): Promise<RunResult | null> {
  let least = await simulate({ seed, wiring, isTold: true });
  const rule = ruleOf(least);
  if (rule === null) return null;
  let faults: readonly Fault[] = faultsOf(seed);
  for (let index = 0; index < faults.length; ) {
    const fewer = faults.filter((_, at) => at !== index);
    const result = await simulate({ seed, wiring, faults: fewer, isTold: true });
    if (ruleOf(result) === rule) [faults, least] = [fewer, result];
    else index += 1;
  }
  return least;
}

function ruleOf({ violations }: RunResult): string | null {
  return violations[0]?.split(':')[0] ?? null;
}
