import { expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

const name = 'shop-ingress';

it('a writer frozen before the first write of a shift writes nothing when it wakes up after the rollback', async () => {
  const world = aWorld();
  await startMigration(world.ports, aSpec(), { run: 'run-1', actor: 'ada' });
  let wake = (): void => undefined;
  const frozen = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let isFrozen = false;
  world.onCall = (call) => {
    if (isFrozen || !call.startsWith('router.write target 11')) return undefined;
    isFrozen = true;
    return frozen;
  };
  const sleeper = advance(world.ports, name, world.nowMs + 60_000);
  for (let turn = 0; turn < 2_000 && !isFrozen; turn++) await Promise.resolve();
  expect(isFrozen).toBe(true);

  await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
  for (let tick = 0; tick < 20; tick++) {
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  expect((await world.ports.store.load(name))?.state).toBe('rolledBack');

  wake();
  await sleeper;
  world.nowMs += 60_000;
  expect(world.side.target.written.weight).toBe('0');
  expect(world.share()).toBe(0);
});
