import { describe, expect, it } from 'vitest';
import { advance } from '../../../src/engine/advance.ts';
import { startMigration } from '../../../src/engine/start.ts';
import { aSpec, aStep } from '../../fixtures/builders.ts';
import { aWorld, type World } from '../../fixtures/world.ts';

async function begin(world: World, steps = aSpec().steps): Promise<void> {
  await startMigration(world.ports, aSpec({ notify: ['ops'], steps }), { run: 'run-1', actor: 'ada' });
  await advance(world.ports, 'shop-ingress', world.nowMs + 20_000);
}

const started = async (world: World) =>
  (await world.ports.store.history('shop-ingress', 50)).find(({ kind }) => kind === 'started')?.text;

describe('a migration that starts with warnings', () => {
  it('tells them with its start, in history and chat, and moves on', async () => {
    const world = aWorld();
    world.listeners = world.listeners.map((listener) => ({ ...listener, protocol: 'udp', drainsConnections: true }));
    await begin(world);
    const told = /the preflight warns: lb-public: listener 80 is a UDP listener.*; 1 of \d+ checks could not be made/;
    expect(await started(world)).toMatch(told);
    expect(world.notices.find(({ kind }) => kind === 'started')?.reason).toMatch(told);
    expect(world.calls).toContain('router.write target 11');
  });

  it('says nothing of what could not be told where nothing else is to be said', async () => {
    const world = aWorld();
    await begin(world, [aStep(10), aStep(90), aStep(100)]);
    expect(await started(world)).toBe('shop-ingress started');
  });
});
