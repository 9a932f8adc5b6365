import { expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

const name = 'shop-ingress';

async function baking() {
  const world = aWorld();
  const view = async () => {
    const record = await world.ports.store.load(name);
    if (record === null) throw new Error('no record');
    return viewOf(record);
  };
  const until = async (holds: (now: Awaited<ReturnType<typeof view>>) => boolean): Promise<void> => {
    for (let tick = 0; tick < 100; tick++) {
      if (holds(await view())) return;
      await advance(world.ports, name, world.nowMs + 5_000);
      world.nowMs += 1_000;
    }
    throw new Error(`it never came about: ${JSON.stringify(await view())}`);
  };
  const spec = aSpec({ steps: [aStep(90, { bakeMs: 3_600_000 })], capacityPatienceMs: 3_600_000, notify: ['ops'] });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
  await until(({ state }) => state === 'progressing.baking');
  return { world, view, until };
}

it('a rollback that only waits for the source to be healthy pages nobody', async () => {
  const { world, until } = await baking();
  world.side.source.pods = 1;
  world.side.source.arrivesAtMs = world.nowMs;
  await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
  const beganMs = world.nowMs;
  await until(({ waitingFor }) => waitingFor?.includes('waiting for it to grow') === true);
  expect(world.nowMs - beganMs).toBeLessThan(20_000);
  world.side.source.pods = 3;
  world.side.source.arrivesAtMs = world.nowMs;
  await until(({ isFinal }) => isFinal);
  expect((await world.ports.store.history(name, 500)).map(({ kind }) => kind)).not.toContain('rollback.blocked');
});

it('a rollback that was blocked for a while ends with the reason it was begun for', async () => {
  const { world, view, until } = await baking();
  world.side.source.pods = 1;
  world.side.source.arrivesAtMs = world.nowMs;
  await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
  await until(({ reason }) => reason?.includes('waiting for it to grow') === true);
  world.side.source.pods = 3;
  world.side.source.arrivesAtMs = world.nowMs;
  await until(({ isFinal }) => isFinal);
  expect(await view()).toMatchObject({ state: 'rolledBack', reason: 'aborted by ada' });
  expect((await world.ports.store.history(name, 500)).at(-1)?.text).toContain('aborted by ada');
});
