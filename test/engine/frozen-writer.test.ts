import { expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { rescue } from '../../src/engine/rescue.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { live, view } from '../fixtures/passing.ts';
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
  await live(world, 20_000);
  expect((await world.ports.store.load(name))?.state).toBe('rolledBack');

  wake();
  await sleeper;
  world.nowMs += 60_000;
  expect(world.side.target.written.weight).toBe('0');
  expect(world.share()).toBe(0);
});

it('a writer frozen between the two writes of a shift meets the fence of the rollback before the source has less', async () => {
  const world = aWorld();
  world.drift('source', '80', 'ops');
  world.nowMs += 60_000;
  await startMigration(world.ports, aSpec({ steps: [aStep(25)] }), { run: 'run-1', actor: 'ada' });
  const written: string[] = [];
  world.onCall = (call) => {
    if (!/^router\.(write|seal) /.test(call)) return;
    if (call.includes('target 35')) throw new TransientError('the mesh gives no answer');
    written.push(call.replace('router.', '').replace('write ', ''));
  };
  await live(world, 20_000);
  expect(written).toEqual(['seal source', 'seal target', 'source 100']);

  written.length = 0;
  await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
  await live(world, 20_000);
  expect((await world.ports.store.load(name))?.state).toBe('rolledBack');
  expect(written).toEqual(['seal target', 'source 80']);
});

it('a start that meets the fence of a rescue before anything moved is refused', async () => {
  const world = aWorld();
  await startMigration(world.ports, aSpec(), { run: 'run-1', actor: 'ada' });
  world.onCall = (call) => {
    if (call === 'router.seal source') world.side.source.fence = 1_000;
  };
  await live(world, 20_000);
  expect(await view(world)).toMatchObject({ state: 'refused', reason: expect.stringContaining('somebody rescued') });
  expect(world.share()).toBe(0);
});

it('a start does not write over what others changed since its preflight', async () => {
  const world = aWorld();
  await startMigration(world.ports, aSpec(), { run: 'run-1', actor: 'ada' });
  world.onCall = (call) => {
    if (call === 'router.keepBaseline') world.drift('target', '7', 'ops');
  };
  await live(world, 20_000);
  const reason = 'changed since the preflight, on lb-public: target weight is "7", not "0", last written by ops';
  expect(await view(world)).toMatchObject({ state: 'refused', reason });
  expect(world.calls.filter((call) => call.startsWith('router.write'))).toEqual([]);
});

it('a rescue that slept between its look and its first write leaves nothing dark, however far the migration went', async () => {
  const world = aWorld();
  const steps = [aStep(50), aStep(100)];
  await startMigration(world.ports, aSpec({ steps }), { run: 'run-1', actor: 'ada' });
  await live(world, 20_000);
  expect(world.share()).toBe(50);
  const wakes: (() => void)[] = [];
  const sums: number[] = [];
  let isAsleep = false;
  world.onCall = (call) => {
    sums.push([...world.side.source.atClb, ...world.side.target.atClb].reduce((sum, one) => sum + one, 0));
    if (isAsleep || !/^router\.(write|seal)/.test(call)) return undefined;
    isAsleep = true;
    return new Promise((resolve) => wakes.push(resolve));
  };
  const rescuing = rescue(world.ports, name, { forMsMax: 90_000, isForced: false, onProgress: () => undefined });
  for (let turn = 0; turn < 2_000 && !isAsleep; turn++) await Promise.resolve();

  await sendCommand(world.ports, name, { type: 'promote', all: true }, 'ada');
  await live(world, 20_000);
  expect(world.share()).toBe(100);

  for (const wake of wakes) wake();
  expect((await rescuing).isVerified).toBe(true);
  expect(world.share()).toBe(0);
  expect(Math.min(...sums)).toBeGreaterThan(0);
});
