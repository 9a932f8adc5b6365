import { beforeEach, describe, expect, it } from 'vitest';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { live, view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
let world: World;

beforeEach(async () => {
  world = aWorld();
  await startMigration(world.ports, aSpec({ steps: [aStep(50, { bakeMs: 3_600_000 })] }), {
    run: 'run-1',
    actor: 'ada',
  });
  await live(world, 20_000);
  expect((await view(world)).state).toBe('progressing.baking');
});

const kinds = async () => (await world.ports.store.history(name, 500)).map(({ kind }) => kind);

describe('weights at the load balancer that differ', () => {
  it("are nobody's change while the cloud controller is at work on backends that came", async () => {
    world.side.target.pods = 5;
    world.side.target.atClb = [33, 33, 33, 20, 20];
    await live(world, 20_000);
    expect(await view(world)).toMatchObject({
      state: 'progressing.baking',
      differences: expect.stringContaining('not 20'),
    });
    world.side.target.atClb = [20, 20, 20, 20, 20];
    await live(world, 20_000);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', differences: null });
    expect(await kinds()).toEqual(['command', 'started', 'step.verified']);
  });

  it('are held when the cloud controller leaves them so', async () => {
    world.side.target.pods = 5;
    world.side.target.atClb = [33, 3, 3, 20, 20];
    await live(world, 120_000);
    expect((await view(world)).state).toBe('held');
  });

  it("are somebody's change at the first look where no backend came or went, also after some did", async () => {
    world.side.target.pods = 5;
    world.side.target.atClb = [20, 20, 20, 20, 20];
    await live(world, 20_000);
    world.side.target.atClb = [20, 20, 20, 20, 3];
    await live(world, 10_000);
    expect(await view(world)).toMatchObject({ state: 'held', reason: expect.stringContaining('has weight 3, not 20') });
  });

  it('are on their way back where somebody has put the annotation back, and nothing is pulled back', async () => {
    world.controllerMs = 0;
    const { written, atClb } = world.side.source;
    world.drift('source', '2', 'kubectl-annotate');
    await live(world, 20_000);
    await sendCommand(world.ports, name, { type: 'resume' }, 'ada');
    await live(world, 20_000);
    world.drift('source', '2', 'kubectl-annotate');
    await live(world, 10_000);
    expect((await view(world)).state).toBe('held');
    world.controllerMs = 600_000;
    world.drift('source', written.weight ?? '', 'kubectl-annotate');
    await live(world, 20_000);
    world.side.source.atClb = atClb;
    await live(world, 20_000);
    expect((await view(world)).state).toBe('progressing.baking');
    expect((await kinds()).filter((kind) => kind === 'step.pulledBack')).toHaveLength(1);
  });
});
