import { writeFileSync } from 'node:fs';
import type { Spec } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { aProbe, aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

/**
 * Makes records in every state with the code that lies beside it: scripts/golden-records.mjs copies this file into a released version and
 * runs it there, so it uses only what has been there since the first one. Its argument is the file to write.
 */

const name = 'shop-ingress';
const ticksMax = 1_500;
const gate = { expiresInMs: 60_000, onExpiry: 'hold' } as const;
const twoSteps = [aStep(10), aStep(100)];
const gated = [aStep(50, { gate }), aStep(90)];

type Recipe = (world: World) => Promise<void>;

const recipes: Readonly<Record<string, Recipe>> = {
  'preflighting.checking': (world) => start(world),
  'preflighting.keeping': async (world) => {
    await start(world);
    failing(world, 'router.keepBaseline');
    await until(world, 'preflighting.keeping');
  },
  'progressing.shifting': async (world) => {
    await start(world);
    failing(world, 'router.write target 1');
    await until(world, 'progressing.shifting');
    await tick(world);
  },
  'progressing.baking': async (world) => {
    await start(world, { probes: [aProbe()], notify: ['ops'] });
    await until(world, 'progressing.baking');
    for (let look = 0; look < 5; look += 1) await tick(world);
  },
  'progressing.gated': async (world) => {
    await start(world, { steps: gated });
    await until(world, 'progressing.gated');
  },
  'held drift': (world) => heldBy(world, {}, () => world.drift('target', '5', 'kubectl-edit')),
  'held pulledBack': (world) => heldBy(world, {}, () => world.drift('target', '90', 'kubectl-edit')),
  'held overtaken': (world) =>
    heldBy(world, {}, () => {
      world.side.target.fence = (world.side.target.fence ?? 0) + 50;
    }),
  'held bothFailing': (world) =>
    heldBy(world, { probes: [aProbe()] }, () => {
      world.probes = { source: false, target: false };
    }),
  'held noData': (world) => heldBy(world, {}, () => undefined, false),
  'held gateExpired': async (world) => {
    await start(world, { steps: gated });
    await until(world, 'held');
  },
  'held unreachable': async (world) => {
    await start(world, { steps: gated });
    await until(world, 'progressing.gated');
    world.side.source.pods = 60;
    world.side.target.pods = 60;
    await sendCommand(world.ports, name, { type: 'approve', gate: null }, 'ada');
    await until(world, 'held');
  },
  'held window': async (world) => {
    await start(world, { windows: [{ days: ['mon'], fromMinute: 0, toMinute: 1, zone: 'UTC' }] });
    await until(world, 'held');
  },
  paused: async (world) => {
    await start(world);
    await until(world, 'progressing.baking');
    await sendCommand(world.ports, name, { type: 'pause' }, 'ada');
    await tick(world);
  },
  rollingBack: async (world) => {
    await start(world, { notify: ['ops'] });
    await until(world, 'progressing.baking');
    failing(world, 'router.write');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await tick(world);
  },
  stuck: async (world) => {
    await start(world);
    await until(world, 'progressing.baking');
    failing(world, 'router', 'loadBalancer');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until(world, 'stuck');
  },
  completed: async (world) => {
    await start(world);
    await until(world, 'completed');
  },
  refused: async (world) => {
    world.listeners = world.listeners.map((listener) => ({ ...listener, scheduler: 'rr' }));
    await start(world);
    await until(world, 'refused');
  },
  rolledBack: async (world) => {
    await start(world);
    await until(world, 'progressing.baking');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until(world, 'rolledBack');
  },
  closed: async (world) => {
    await start(world, { undoForMs: 60_000 });
    await until(world, 'closed');
  },
};

async function start(world: World, spec: Partial<Spec> = {}): Promise<void> {
  await startMigration(world.ports, aSpec({ steps: twoSteps, ...spec }), { run: 'run-1', actor: 'ada' });
}

async function heldBy(world: World, spec: Partial<Spec>, trouble: () => void, isCounted = true): Promise<void> {
  await start(world, spec);
  await until(world, 'progressing.baking');
  trouble();
  await until(world, 'held', isCounted);
}

function failing(world: World, ...calls: readonly string[]): void {
  world.onCall = (call) => {
    if (calls.some((one) => call.startsWith(one))) throw new TransientError(`${call}: no answer`);
  };
}

async function until(world: World, state: string, isCounted = true): Promise<void> {
  for (let ticks = 0; ticks < ticksMax; ticks += 1) {
    if ((await world.ports.store.load(name))?.state === state) return;
    await tick(world, isCounted);
  }
  throw new Error(`never came to ${state}, but is ${(await world.ports.store.load(name))?.state}`);
}

async function tick(world: World, isCounted = true): Promise<void> {
  if (isCounted) for (const side of ['source', 'target'] as const) await world.count(side, 100, 0);
  await advance(world.ports, name, world.nowMs + 1_000);
  world.nowMs += 1_000;
}

const made: Record<string, unknown> = {};
for (const [recipe, make] of Object.entries(recipes)) {
  const world = aWorld();
  await make(world);
  const { nowMs, kept, probes, listeners, side } = world;
  made[recipe] = { record: await world.ports.store.load(name), world: { nowMs, kept, probes, listeners, side } };
}
writeFileSync(process.argv[2] ?? '', `${JSON.stringify(made, null, 1)}\n`);
