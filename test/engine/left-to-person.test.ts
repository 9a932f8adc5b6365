import { expect, it } from 'vitest';
import { weekdays } from '../../src/domain/spec.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { rescue } from '../../src/engine/rescue.ts';
import { startMigration } from '../../src/engine/start.ts';
import { aProbe, aSpec, aStep } from '../fixtures/builders.ts';
import { live, pass, view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const started = { run: 'run-1', actor: 'ada' } as const;

/** Held for a person's rescue, and then for probes that fail at both sides as well. */
async function heldTwice(): Promise<World> {
  const world = aWorld();
  const steps = [aStep(50, { bakeMs: 3_600_000 })];
  const spec = aSpec({ steps, probes: [aProbe()], onDrift: 'restore' });
  await startMigration(world.ports, spec, started);
  await live(world, 20_000);
  expect(world.share()).toBe(50);
  await rescue(world.ports, spec.name, { forMsMax: 90_000, isForced: false, onProgress: () => undefined });
  await live(world, 20_000);
  expect((await view(world)).reason).toContain('somebody rescued');
  world.probes = { source: false, target: false };
  await live(world, 30_000);
  expect((await view(world)).reason).toContain('fails at both sides');
  world.probes = { source: true, target: true };
  return world;
}

it('a hold that a person has to end is not ended by another one that went by itself', async () => {
  const world = await heldTwice();
  await live(world, 60_000);
  expect(await view(world)).toMatchObject({ state: 'held', reason: expect.stringContaining('somebody rescued') });
  expect(world.share()).toBe(0);
});

it('such a hold ends by the word of a person who was told once more, and what is wrong later ends by itself', async () => {
  const world = await heldTwice();
  await sendCommand(world.ports, 'shop-ingress', { type: 'resume' }, 'ada');
  await live(world, 20_000);
  expect(await view(world)).toMatchObject({ state: 'held', reason: expect.stringContaining('somebody rescued') });
  expect(world.share()).toBe(0);
  await sendCommand(world.ports, 'shop-ingress', { type: 'resume' }, 'ada');
  await live(world, 20_000);
  expect(world.share()).toBe(50);
  world.probes = { source: false, target: false };
  await live(world, 30_000);
  world.probes = { source: true, target: true };
  await live(world, 30_000);
  expect(await view(world)).toMatchObject({ state: 'progressing.baking' });
});

it('what somebody rescued is not written over, also where others gave the target more than was asked', async () => {
  const world = aWorld();
  await startMigration(world.ports, aSpec({ steps: [aStep(25)] }), started);
  await live(world, 20_000);
  await rescue(world.ports, 'shop-ingress', { forMsMax: 90_000, isForced: false, onProgress: () => undefined });
  await live(world, 20_000);
  world.calls.length = 0;
  world.drift('target', '100', 'ops');
  await live(world, 60_000);
  expect(world.calls.filter((call) => call.startsWith('router.write'))).toEqual([]);
  expect(await view(world)).toMatchObject({ state: 'held', reason: expect.stringContaining('somebody rescued') });
});

it('a gate that expired and was approved is not asked for again by something that went wrong and is over', async () => {
  const world = aWorld();
  const gate = { expiresInMs: 10_000, onExpiry: 'hold' as const };
  const minutes = (world.nowMs / 60_000) % 1_440;
  const window = { days: weekdays, fromMinute: Math.floor(minutes), toMinute: Math.floor(minutes) + 2, zone: 'UTC' };
  const steps = [aStep(50, { bakeMs: 5_000, gate }), aStep(100)];
  await startMigration(world.ports, aSpec({ steps, probes: [aProbe()], windows: [window] }), started);
  await pass(world, 60);
  expect((await view(world)).reason).toBe('the gate expired without an answer');
  world.nowMs += 180_000;
  await sendCommand(world.ports, 'shop-ingress', { type: 'approve', gate: null }, 'ada');
  expect((await view(world)).reason).toBe('outside its window');
  world.probes = { source: false, target: false };
  await live(world, 30_000);
  world.probes = { source: true, target: true };
  await live(world, 30_000);
  expect((await view(world)).state).toMatch(/^progressing/);
});
