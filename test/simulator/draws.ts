import type { Random } from '../../src/sandbox/random.ts';

/** What a seed decides, drawn from its stream of numbers. */
export const pick = <T>(random: Random, all: readonly T[]): T => all[random.between(0, all.length - 1)] as T;
export const chance = (random: Random, of: number): boolean => random.next() < of;

export interface Spell {
  /** Since the start of the run, or since it first came into the state `upon`. */
  readonly atMs: number;
  readonly forMs: number;
  readonly upon?: string;
}

export const spell = (random: Random, safeMs: number, mostMs: number): Spell => ({
  atMs: random.between(0, safeMs),
  forMs: random.between(1_000, mostMs),
});
