import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceReading } from '../../src/domain/observation.ts';
import type { Spec } from '../../src/domain/spec.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import type { TrafficRouter } from '../../src/ports/traffic-router.ts';
import { aProbe, aSpec, aStep } from '../fixtures/builders.ts';
import { live, view } from '../fixtures/passing.ts';
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

beforeEach(async () => {
  world = aWorld();
  isAnswered = true;
  // The moment at which the first step is planned: what is read until then is the baseline.
  world.onCall = (call) => {
    if (call.startsWith('router.keepBaseline')) isAnswered = false;
  };
});

const begin = (spec: Partial<Spec> = {}) =>
  startMigration(world.ports, aSpec({ steps: [aStep(50, { bakeMs: 3_600_000 })], ...spec }), {
    run: 'run-1',
    actor: 'ada',
  });

function withUnknownTarget({ source, target }: RouteReading): RouteReading {
  return { source, target: { ...target, services: target.services.map((one) => ({ ...one, ...unknown })) } };
}

const unread: readonly (readonly [string, (reading: RouteReading) => RouteReading])[] = [
  ['the Service of the target gives no answer', withUnknownTarget],
  ['the mesh gives no answer', ({ source, target }) => ({ source, target: { ...target, carrier: null } })],
];
const unknown = { isUnknown: true, annotations: null, backends: [], readyPods: 0, endpoints: [] } as const;

it.each(unread)('a step is not planned while %s, and is shifted once it does, without anybody', async (_, change) => {
  partly(change);
  await begin();
  await live(world, 60_000);
  expect(await view(world)).toMatchObject({ state: 'progressing.shifting' });
  expect((await view(world)).waitingFor).toMatch(/lb-public: the target cannot be read/);
  expect(world.share()).toBe(0);
  isAnswered = true;
  await live(world, 60_000);
  expect(await view(world)).toMatchObject({ state: 'progressing.baking' });
  expect(world.share()).toBe(50);
});

describe('probes while a part of the Kubernetes APIs gives no answer', () => {
  beforeEach(async () => {
    world.onCall = () => undefined;
    const { probe } = world.ports;
    // As a probe on the wire does it: whoever has no endpoint, or is nobody, has not answered.
    const ask: typeof probe.ask = async (spec, services, turn) =>
      services.length > 0 && services.every(({ isUnknown }) => isUnknown !== true)
        ? probe.ask(spec, services, turn)
        : { isOk: false, detail: 'no ready endpoint' };
    world.ports = { ...world.ports, probe: { ...probe, ask } };
  });

  const probes = [aProbe()];
  const bake = (ms: number) => ({ probes, steps: [aStep(50, { bakeMs: ms })] });

  it('say nothing about a target that cannot be read', async () => {
    partly(withUnknownTarget);
    await begin(bake(3_600_000));
    await live(world, 30_000);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking' });
    isAnswered = false;
    await live(world, 60_000);
    expect(await view(world)).toMatchObject({
      state: 'progressing.baking',
      differences: expect.stringContaining('cannot be read'),
    });
    isAnswered = true;
    await live(world, 30_000);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', differences: null });
  });

  it('say nothing while neither side can be read', async () => {
    await begin(bake(3_600_000));
    await live(world, 30_000);
    world.onCall = (call) => {
      if (call === 'router.read') throw new TransientError('status 500');
    };
    await live(world, 60_000);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking' });
    expect((await world.ports.store.history(name, 100)).map(({ kind }) => kind)).not.toContain('held');
  });

  it('still fail where a pod that can be read fails them', async () => {
    partly(({ source, target }) => ({
      source,
      target: { ...target, services: [...target.services, { ...(target.services[0] as ServiceReading), ...unknown }] },
    }));
    await begin(bake(3_600_000));
    await live(world, 30_000);
    isAnswered = false;
    world.probes.target = false;
    await live(world, 60_000);
    expect((await view(world)).reason).toContain('failed 3 times in a row at the target');
  });
});
