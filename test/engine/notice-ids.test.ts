import { expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

it('no two notices share an id where a store that lost commits counts the same revisions again', async () => {
  // A receiver drops an id that it knows: seed 20 of the simulator.
  const idsOf = async (type: 'pause' | 'abort', waitMs: number): Promise<readonly string[]> => {
    const world = aWorld();
    await startMigration(world.ports, aSpec({ notify: ['ops'] }), { run: 'run-1', actor: 'ada' });
    await advance(world.ports, 'shop-ingress', world.nowMs + 30_000);
    const before = world.notices.length;
    world.nowMs += waitMs;
    const command = type === 'abort' ? ({ type, isForced: false } as const) : ({ type } as const);
    await sendCommand(world.ports, 'shop-ingress', command, 'ada');
    await advance(world.ports, 'shop-ingress', world.nowMs + 2_000);
    return world.notices.slice(before).map(({ id }) => id);
  };
  const [lost, kept] = [await idsOf('pause', 1_000), await idsOf('abort', 1_500)];
  expect(lost.length).toBeGreaterThan(0);
  expect(kept.filter((id) => lost.includes(id))).toEqual([]);
});
