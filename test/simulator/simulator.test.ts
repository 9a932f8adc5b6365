import { describe, expect, it } from 'vitest';
import { soakOnLanes } from './lanes.ts';
import { simulate } from './simulation.ts';
import { production } from './wiring.ts';

it('five hundred simulated migrations break no rule', async () => {
  const given = { from: 1, seeds: 500, lanes: 1, isFirstEnough: false, patches: [], isFenceChecked: true };
  const { seeds, broken } = await soakOnLanes(given);
  expect(broken).toEqual([]);
  expect(seeds).toBe(500);
}, 300_000);

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
