import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { dryRun } from '../../src/engine/plan.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { aSpec, aStep, aSubsetRoute } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
const today = { v1: 34, v2: 33, v3: 33 };
let world: World;

beforeEach(() => {
  world = aWorld();
});

const spec = (more: Partial<Spec> = {}) =>
  aSpec({ routes: [], subsets: [aSubsetRoute()], steps: [aStep(50), aStep(100)], notify: ['ops'], ...more });

const start = (more: Partial<Spec> = {}) => startMigration(world.ports, spec(more), { run: 'run-1', actor: 'ada' });
const split = () => world.mesh.virtualService?.split ?? null;

/** What the subsets count follows what is written, unless a test says otherwise. */
async function until(
  state: string,
  { errors = 0, counted = shareNow }: { errors?: number; counted?: () => number } = {},
) {
  for (let tick = 0; tick < 400; tick++) {
    const record = await world.ports.store.load(name);
    if (record?.state === state) return viewOf(record);
    await world.count('source', 100 - counted(), 0);
    await world.count('target', counted(), Math.min(errors, counted()));
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  throw new Error(`never came to ${state}, but is ${(await world.ports.store.load(name))?.state}`);
}

const shareNow = () => split()?.['v3'] ?? 33;
const told = () => world.notices.map(({ kind, reason }) => `${kind} ${reason}`).join('\n');

describe('subsets of a host', () => {
  it('move by the weights of a VirtualService, from the split of today to all on one', async () => {
    await start();
    const seen: unknown[] = [];
    world.onCall = (call) => void (call.startsWith('router.writeSplit') && seen.push(JSON.parse(call.slice(18))));
    const view = await until('completed');
    expect(seen.filter((one, index) => JSON.stringify(one) !== JSON.stringify(seen[index - 1]))).toEqual([
      today,
      { v1: 25, v2: 25, v3: 50 },
      { v1: 0, v2: 0, v3: 100 },
    ]);
    expect(view.subsets).toEqual([
      { virtualService: 'asm/default/reviews', host: 'reviews', weights: { v1: 0, v2: 0, v3: 100 }, share: 100 },
    ]);
    expect(view.share).toMatchObject({ asked: 100, achieved: 100, observed: 100 });
  });

  it('go back to the split of today when the target fails, and the way back is kept before anything moves', async () => {
    await start();
    world.onCall = (call) => void (call.includes('"v3":50') && expect(world.kept?.subsets).toHaveLength(1));
    const view = await until('rolledBack', { errors: 40 });
    expect(split()).toEqual(today);
    expect(view.share.asked).toBe(0);
    expect(view.reason).toMatch(/^errors: target/);
  });

  it('can be undone when they have arrived', async () => {
    await start();
    await until('completed');
    await sendCommand(world.ports, name, { type: 'rollback', isForced: false }, 'ada');
    await until('rolledBack');
    expect(split()).toEqual(today);
  });

  it('are held when somebody else writes the weights, and told who', async () => {
    await start();
    await until('progressing.baking');
    const fence = world.mesh.virtualService?.fence ?? null;
    world.mesh.virtualService = { split: { v1: 40, v2: 40, v3: 20 }, fence, writtenBy: 'kubectl-edit' };
    await until('held');
    expect(told()).toContain('subset v1 of reviews has weight 40, not 25, last written by kubectl-edit');
    expect(split()).toEqual({ v1: 40, v2: 40, v3: 20 });
  });

  it('are not taken back before the first step because of the share that they always had', async () => {
    await start({ windows: [{ days: ['mon'], fromMinute: 0, toMinute: 1, zone: 'UTC' }] });
    await until('held');
    const fence = world.mesh.virtualService?.fence ?? null;
    world.mesh.virtualService = { split: { v1: 30, v2: 40, v3: 30 }, fence, writtenBy: 'kubectl-edit' };
    await expect(until('rolledBack')).rejects.toThrow('but is held');
    expect(split()).toEqual({ v1: 30, v2: 40, v3: 30 });
  });

  it('are held when their own counters contradict the weights: a read-back alone is no proof in a mesh', async () => {
    await start({ steps: [aStep(90)] });
    await until('held', { counted: () => 33 });
    expect(told()).toMatch(/33\.0 per cent of \d+ counted requests went to the target, not 90/);
  });

  it('do not move onto a subset that nothing defines or that has no ready pod', async () => {
    world.mesh.pods = { v1: 1, v2: 0 };
    await start();
    const view = await until('refused');
    expect(view.reason).toContain('no DestinationRule defines subset v3 of reviews');
    expect(view.reason).toContain('subset v2 of reviews has no ready pod');
    expect(world.mesh.virtualService).toBeNull();
  });

  it('come back after an outage of the mesh in the middle of a rollback', async () => {
    await start();
    await until('progressing.baking');
    const sinceMs = world.nowMs;
    world.onCall = (call) => {
      const isOut = world.nowMs > sinceMs + 5_000 && world.nowMs < sinceMs + 60_000;
      if (call.includes('Split') && isOut) throw new TransientError('the mesh gives no answer');
    };
    await until('rolledBack', { errors: 40 });
    expect(split()).toEqual(today);
  });

  it('are planned with their weights, and nothing is written', async () => {
    const { plan } = await dryRun(world.ports, spec());
    expect(plan.subsets).toMatchObject([
      {
        virtualService: 'asm/default/reviews',
        exists: false,
        today: { weights: today, share: 33 },
        steps: [
          { asked: 50, weights: { v1: 25, v2: 25, v3: 50 }, achieved: 50, reachable: true },
          { asked: 100, weights: { v1: 0, v2: 0, v3: 100 }, achieved: 100, reachable: true },
        ],
      },
    ]);
    expect(world.calls.some((call) => call.includes('write'))).toBe(false);
  });
});
