import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { anInternalRoute, aRoute, aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
let world: World;

beforeEach(() => {
  world = aWorld();
});

/** Share 50 throughout: the sums of the weights are nearly the same on one pod and on three. */
const specOf = (spec: Partial<Spec> = {}) =>
  aSpec({ steps: [aStep(50, { bakeMs: 600_000 }), aStep(100)], notify: ['ops'], ...spec });

async function stateOf(): Promise<string> {
  const record = await world.ports.store.load(name);
  if (record === null) throw new Error('no record');
  return viewOf(record).state;
}

async function tick(times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    await world.count('source', 100, 0);
    await world.count('target', 100, 0);
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
}

async function until(state: string): Promise<void> {
  for (let count = 0; count < 200; count++) {
    if ((await stateOf()) === state) return;
    await tick(1);
  }
  throw new Error(`never came to ${state}, but is ${await stateOf()}`);
}

function scale(pods: number, loadBalancer = 'lb-public'): void {
  const state = world.routes.find(({ route }) => route.loadBalancer === loadBalancer)?.side.source;
  if (state === undefined) throw new Error(`no route on ${loadBalancer}`);
  state.pods = pods;
  state.arrivesAtMs = world.nowMs;
}

const warnings = () => world.notices.filter(({ kind }) => kind === 'source.shrunk');

async function start(spec: Partial<Spec> = {}): Promise<void> {
  await startMigration(world.ports, specOf(spec), { run: 'run-1', actor: 'ada' });
  await until('progressing.baking');
}

describe('a source that shrinks while it bakes', () => {
  it('is told once, with the numbers and what a rollback would do', async () => {
    await start();
    await tick(5);
    expect(warnings()).toEqual([]);
    scale(1);
    await tick(10);
    expect(warnings()).toMatchObject([
      {
        severity: 'warning',
        title: 'shop-ingress: the source has shrunk',
        reason: 'the source of lb-public has 1 ready pod of the 3 that it had at the start',
        step: 1,
        asked: 50,
      },
    ]);
    expect(warnings()[0]?.next).toMatch(/a rollback would wait for it to grow, at most 2m/);
    const history = await world.ports.store.history(name, 500);
    expect(history.filter(({ kind }) => kind === 'source.shrunk')).toHaveLength(1);
  });

  it('is told again only after it had grown to what it was', async () => {
    await start();
    scale(1);
    await tick(5);
    scale(2);
    await tick(5);
    scale(1);
    await tick(5);
    expect(warnings()).toHaveLength(1);
    scale(3);
    await tick(5);
    scale(2);
    await tick(5);
    expect(warnings().map(({ reason }) => reason.match(/has (\d) ready/)?.[1])).toEqual(['1', '2']);
  });

  it('is not told of by a look that could not read it, nor forgotten by one', async () => {
    await start();
    world.onCall = (call) => {
      if (call === 'router.read') throw new TransientError('503 from the API server');
    };
    await tick(5);
    expect(warnings()).toEqual([]);
    world.onCall = () => undefined;
    scale(1);
    await tick(5);
    world.onCall = (call) => {
      if (call === 'router.read') throw new TransientError('503 from the API server');
    };
    await tick(5);
    world.onCall = () => undefined;
    await tick(5);
    expect(warnings()).toHaveLength(1);
  });

  it('is told of each route on its own', async () => {
    world = aWorld([aRoute(), anInternalRoute()]);
    await start({ routes: [aRoute(), anInternalRoute()] });
    scale(1);
    await tick(5);
    scale(2, 'lb-internal');
    await tick(5);
    expect(warnings().map(({ reason }) => reason.match(/lb-\w+ has \d/)?.[0])).toEqual([
      'lb-public has 1',
      'lb-internal has 2',
    ]);
  });
});

describe('a source that shrinks', () => {
  it('is told while a person has paused the migration', async () => {
    await start();
    await sendCommand(world.ports, name, { type: 'pause' }, 'ada');
    scale(1);
    await tick(10);
    expect(await stateOf()).toBe('paused');
    expect(warnings()).toHaveLength(1);
  });

  it('is told while a gate is open', async () => {
    await start({ steps: [aStep(50, { bakeMs: 0, gate: { expiresInMs: 600_000, onExpiry: 'hold' } }), aStep(100)] });
    await until('progressing.gated');
    scale(1);
    await tick(10);
    expect(warnings()).toHaveLength(1);
  });

  it('is told while it is held, and of a step that does not bake before the migration completes', async () => {
    await start();
    world.listeners = world.listeners.map((listener) => ({ ...listener, scheduler: 'rr' }));
    await until('held');
    scale(1);
    await tick(10);
    expect(await stateOf()).toBe('held');
    expect(warnings()).toHaveLength(1);

    world = aWorld();
    await start({ steps: [aStep(50, { bakeMs: 0 })] });
    scale(1);
    await until('completed');
    await tick(1);
    expect(warnings()).toHaveLength(1);
  });

  it('makes a rollback wait for it, as the notice said', async () => {
    await start({ steps: [aStep(100, { bakeMs: 600_000 })] });
    scale(1);
    await tick(5);
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await tick(5);
    expect(await stateOf()).toBe('rollingBack');
    scale(3);
    await until('rolledBack');
  });
});
