import { Coverage } from './coverage.ts';
import { simulate } from './simulation.ts';
import type { Wiring } from './wiring.ts';

export interface Broken {
  readonly seed: number;
  readonly violations: readonly string[];
}

export interface Soaked {
  readonly seeds: number;
  readonly broken: readonly Broken[];
  readonly counts: ReadonlyMap<string, number>;
}

export interface SoakOptions {
  readonly from: number;
  readonly seeds: number;
  readonly isFirstEnough: boolean;
}

/** Seed after seed. Between two of them the process is free for others, since a run itself never lets go. */
export async function soak(wiring: Wiring, { from, seeds, isFirstEnough }: SoakOptions): Promise<Soaked> {
  const coverage = new Coverage();
  const broken: Broken[] = [];
  for (let done = 0; done < seeds; done++) {
    const { violations, coverage: counts } = await simulate({ seed: from + done, wiring });
    coverage.add(counts);
    if (violations.length > 0) broken.push({ seed: from + done, violations });
    if (broken.length > 0 && isFirstEnough) return { seeds: done + 1, broken, counts: coverage.counts };
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { seeds, broken, counts: coverage.counts };
}
