import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';

async function until(world: World, isThere: () => Promise<boolean>): Promise<void> {
  for (let tick = 0; tick < 100; tick++) {
    if (await isThere()) return;
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  throw new Error(`it never came about; it is ${(await world.ports.store.load(name))?.state}`);
}

const isIn = (world: World, state: string) =>
  until(world, async () => (await world.ports.store.load(name))?.state === state);

async function timesTold(world: World, kind: string): Promise<number> {
  return (await world.ports.store.history(name, 500)).filter((line) => line.kind === kind).length;
}

it('the same change is one cause, however far the controller has followed it', async () => {
  const world = aWorld();
  const spec = aSpec({ steps: [aStep(90, { bakeMs: 3_600_000 })], onDrift: 'restore' });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
  await isIn(world, 'progressing.baking');

  // Seen when the load balancer has it already, and then when only the annotation has it.
  world.controllerMs = 0;
  world.drift('source', '20', 'argocd');
  await until(world, async () => (await timesTold(world, 'step.corrected')) === 1);
  await isIn(world, 'progressing.baking');
  world.controllerMs = 600_000;
  world.drift('source', '20', 'argocd');
  await isIn(world, 'held');

  expect(await timesTold(world, 'step.corrected')).toBe(1);
  expect(world.side.source.written.weight).toBe('20');
});

it('a change that the controller follows while it is looked at is told by its annotation', async () => {
  const world = aWorld();
  world.controllerMs = 0;
  const spec = aSpec({ steps: [aStep(90, { bakeMs: 3_600_000 })] });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
  await isIn(world, 'progressing.baking');

  let isChanged = false;
  world.onCall = async (call) => {
    if (call !== 'loadBalancer.describeGroups' || isChanged) return;
    isChanged = true;
    // Whatever else was asked at the same time has its answer by now.
    await setImmediate();
    world.drift('source', '90', 'kubectl-annotate');
  };
  await isIn(world, 'held');

  const record = await world.ports.store.load(name);
  expect(record === null ? null : viewOf(record).reason).toMatch(
    /^source weight is "90", not "\d+", last written by kubectl-annotate/,
  );
});
