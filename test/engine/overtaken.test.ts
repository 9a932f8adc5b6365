import { expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

const name = 'shop-ingress';

it('a migration that met a newer fence goes on above it when a person says so', async () => {
  const world = aWorld();
  const states: string[] = [];
  const until = async (state: string): Promise<void> => {
    for (let tick = 0; tick < 60; tick++) {
      await advance(world.ports, name, world.nowMs + 5_000);
      world.nowMs += 1_000;
      const record = await world.ports.store.load(name);
      states.push(record?.state ?? '');
      if (record?.state === state) return;
    }
    throw new Error(`never came to ${state}, but is ${states.at(-1)}`);
  };
  await startMigration(world.ports, aSpec({ steps: [aStep(10, { bakeMs: 3_600_000 })] }), {
    run: 'run-1',
    actor: 'ada',
  });
  await until('progressing.baking');
  world.side.target.fence = 10_000;
  await until('held');

  await sendCommand(world.ports, name, { type: 'resume' }, 'ada');
  await until('progressing.baking');
  states.length = 0;
  for (let tick = 0; tick < 20; tick++) {
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
    states.push((await world.ports.store.load(name))?.state ?? '');
  }
  expect(new Set(states)).toEqual(new Set(['progressing.baking']));
});
