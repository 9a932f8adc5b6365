import { describe, expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aSpec, aStep, aWorkload } from '../fixtures/builders.ts';
import { pass, view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const replacing = aWorkload({ replicas: 4, updatedReplicas: 1, progress: 'ReplicaSetUpdated' });
const words = 'Deployment ack/istio-system/istio-ingressgateway-asm of the target replaces its pods: 1 of 4 are new';

async function start({ ports, nowMs }: World): Promise<void> {
  const spec = aSpec({ steps: [aStep(10), aStep(50), aStep(100)], notify: ['ops'] });
  await startMigration(ports, spec, { run: 'run-1', actor: 'ada' });
  await advance(ports, 'shop-ingress', nowMs + 1_000);
}

const writes = ({ calls }: World) => calls.filter((call) => call.startsWith('router.write')).length;

describe('while the pods of the target are replaced', () => {
  it('no first step is taken; it is when the new pods are there', async () => {
    const world = aWorld();
    world.workloads = [replacing];
    await start(world);
    await pass(world, 30);
    expect(await view(world)).toMatchObject({ state: 'held', step: 1, reason: words });
    expect(world.share()).toBe(0);
    expect(world.notices.find(({ kind }) => kind === 'held')?.reason).toBe(words);
    world.workloads = [aWorkload()];
    await pass(world, 20);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
    expect(Math.round(world.share())).toBe(10);
  });

  it('a step that bakes is held, and bakes anew with the new pods', async () => {
    const world = aWorld();
    world.workloads = [aWorkload()];
    await start(world);
    await pass(world, 30);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
    world.workloads = [replacing];
    await pass(world, 120);
    expect(await view(world)).toMatchObject({ state: 'held', step: 1, reason: words });
    world.workloads = [aWorkload({ generation: 5, observedGeneration: 5 })];
    await pass(world, 10);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
    await pass(world, 60);
    expect((await view(world)).step).toBe(2);
  });

  it('nobody can promote past it', async () => {
    const world = aWorld();
    world.workloads = [replacing];
    await start(world);
    await pass(world, 10);
    const promote = (all: boolean) => sendCommand(world.ports, 'shop-ingress', { type: 'promote', all }, 'ada');
    await expect(promote(false)).rejects.toThrow(`held: ${words}`);
    await promote(true);
    await pass(world, 10);
    expect(await view(world)).toMatchObject({ state: 'held', reason: words });
    expect(world.share()).toBe(0);
  });

  it('more share than asked is taken back all the same, and so is everything by an abort', async () => {
    const world = aWorld();
    world.workloads = [aWorkload()];
    await start(world);
    await pass(world, 30);
    world.workloads = [replacing];
    await pass(world, 20);
    world.drift('target', '100', 'kubectl');
    await pass(world, 30);
    expect(Math.round(world.share())).toBe(10);
    await sendCommand(world.ports, 'shop-ingress', { type: 'abort', isForced: false }, 'ada');
    await pass(world, 30);
    expect(await view(world)).toMatchObject({ state: 'rolledBack' });
    expect(world.share()).toBe(0);
  });

  it('a Deployment that only grows is no reason to wait in the middle of a step', async () => {
    const world = aWorld();
    world.workloads = [aWorkload()];
    await start(world);
    await pass(world, 30);
    const before = writes(world);
    world.workloads = [aWorkload({ generation: 5, replicas: 4, updatedReplicas: 4 })];
    await pass(world, 20);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
    expect(writes(world)).toBe(before);
  });

  it('a field of the gateway that restarts them holds the step before its Deployment shows it', async () => {
    const world = aWorld();
    world.workloads = [aWorkload()];
    world.gatewayFields = { 'spec.resources': 'a1' };
    await start(world);
    await pass(world, 30);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
    world.gatewayFields = { 'spec.resources': 'b2' };
    await pass(world, 10);
    const said =
      'IstioGateway asm/istio-system/ingressgateway-asm was changed in spec.resources, which restarts its pods';
    expect(await view(world)).toMatchObject({ state: 'held', step: 1, reason: said });
    world.workloads = [replacing];
    await pass(world, 60);
    expect(await view(world)).toMatchObject({ state: 'held', step: 1 });
    world.workloads = [aWorkload()];
    await pass(world, 15);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
  });

  it('and goes on by itself where nothing comes of it', async () => {
    const world = aWorld();
    await start(world);
    await pass(world, 30);
    world.gatewayFields = { 'spec.env': 'a1' };
    await pass(world, 10);
    expect((await view(world)).state).toBe('held');
    await pass(world, 40);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', step: 1 });
  });
});
