import { describe, expect, it } from 'vitest';
import { type MutantName, mutants, runMutant } from './mutants.ts';

/** The rule that has to notice. */
const rules: Readonly<Record<MutantName, string>> = {
  'order-swapped': 'rule 1',
  'fence-off': 'rule 6',
  'verify-skipped': 'rule 2',
  'acknowledged-early': 'rule 7',
  'verdict-late': 'rule 4',
  'claims-dropped': 'rule 6',
  'lease-dropped': 'rule 6',
};
const seedsMax = 1_000;

describe('an engine with one mistake is caught', () => {
  it.each(Object.keys(mutants) as MutantName[])(
    '%s',
    async (name) => {
      const output = await runMutant(name, seedsMax);
      expect(output).toMatch(new RegExp(`BROKEN seed \\d+ ${rules[name]}:`));
    },
    300_000,
  );
});
