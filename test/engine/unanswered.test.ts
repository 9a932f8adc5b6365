import { beforeEach, expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import type { TrafficRouter } from '../../src/ports/traffic-router.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

type RouteReading = Awaited<ReturnType<TrafficRouter['read']>>;

const name = 'shop-ingress';
let world: World;
let isAnswered: boolean;

/** What the router reads while only a part of the Kubernetes APIs answers. */
function partly(change: (reading: RouteReading) => RouteReading): void {
  const { router } = world.ports;
  const read: typeof router.read = async (route) => {
    const reading = await router.read(route);
    return isAnswered ? reading : change(reading);
  };
  world.ports = { ...world.ports, router: { ...router, read } };
}

async function live(ms: number): Promise<void> {
  const endMs = world.nowMs + ms;
  while (world.nowMs < endMs) {
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
}

async function view() {
  const record = await world.ports.store.load(name);
  if (record === null) throw new Error('no record');
  return viewOf(record);
}

beforeEach(async () => {
  world = aWorld();
  isAnswered = true;
  // The moment at which the first step is planned: what is read until then is the baseline.
  world.onCall = (call) => {
    if (call.startsWith('router.keepBaseline')) isAnswered = false;
  };
});

const begin = () =>
  startMigration(world.ports, aSpec({ steps: [aStep(50, { bakeMs: 3_600_000 })] }), { run: 'run-1', actor: 'ada' });

const unread: readonly (readonly [string, (reading: RouteReading) => RouteReading])[] = [
  [
    'the Service of the target gives no answer',
    ({ source, target }) => ({
      source,
      target: { ...target, services: target.services.map((one) => ({ ...one, ...unknown })) },
    }),
  ],
  ['the mesh gives no answer', ({ source, target }) => ({ source, target: { ...target, carrier: null } })],
];
const unknown = { isUnknown: true, annotations: null, backends: [], readyPods: 0, endpoints: [] } as const;

it.each(unread)('a step is not planned while %s, and is shifted once it does, without anybody', async (_, change) => {
  partly(change);
  await begin();
  await live(60_000);
  expect(await view()).toMatchObject({ state: 'progressing.shifting' });
  expect((await view()).waitingFor).toMatch(/lb-public: the target cannot be read/);
  expect(world.share()).toBe(0);
  isAnswered = true;
  await live(60_000);
  expect(await view()).toMatchObject({ state: 'progressing.baking' });
  expect(world.share()).toBe(50);
});
