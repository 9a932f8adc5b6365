import { describe, expect, it } from 'vitest';
import { simulate } from './simulation.ts';
import { soak } from './soak.ts';
import { production } from './wiring.ts';

const seedsAtOnce = 50;

describe('simulated migrations break no rule', () => {
  it.each(Array.from({ length: 10 }, (_, index) => 1 + index * seedsAtOnce))(
    'from seed %i on',
    async (from) => {
      const { broken } = await soak(production, { from, seeds: seedsAtOnce, isFirstEnough: false });
      expect(broken).toEqual([]);
    },
    120_000,
  );
});

describe('a simulated migration', () => {
  it('is the same each time, to the last call', async () => {
    const [once, again, another] = [
      await simulate({ seed: 7, wiring: production, isTold: true }),
      await simulate({ seed: 7, wiring: production, isTold: true }),
      await simulate({ seed: 8, wiring: production }),
    ];
    expect(again.hash).toBe(once.hash);
    expect(again.story).toEqual(once.story);
    expect(another.hash).not.toBe(once.hash);
  });
  it.each([11, 12, 13])('is the same where every record is written and read whole: seed %i', async (seed) => {
    const [shared, whole] = [
      await simulate({ seed, wiring: production }),
      await simulate({ seed, wiring: production, isPlain: true }),
    ];
    expect(whole.hash).toBe(shared.hash);
  });
  it('leaves no trace behind in the next one', async () => {
    const alone = await simulate({ seed: 9, wiring: production });
    await simulate({ seed: 10, wiring: production });
    expect((await simulate({ seed: 9, wiring: production })).hash).toBe(alone.hash);
  });
});
