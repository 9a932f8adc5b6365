import { describe, expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import type { EntryQuestion, EntryReply } from '../../src/ports/probe.ts';
import { anInternalRoute, aProbe, aRoute, aSpec, aStep } from '../fixtures/builders.ts';
import { pass, view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const routes = [aRoute(), anInternalRoute()] as const;
const good: EntryReply = { isOk: true, detail: '200 in 5 ms' };

interface Asked {
  readonly world: World;
  readonly questions: EntryQuestion[];
}

/** A world whose entries answer as told, and what they were asked. */
function listening(answer: (question: EntryQuestion) => EntryReply = () => good): Asked {
  const world = aWorld(routes);
  const questions: EntryQuestion[] = [];
  const enter = async (question: EntryQuestion) => {
    questions.push(question);
    return answer(question);
  };
  world.ports = { ...world.ports, probe: { ...world.ports.probe, enter } };
  return { world, questions };
}

async function start({ ports, nowMs }: World, steps = [aStep(50, { bakeMs: 30_000 }), aStep(100)]): Promise<void> {
  const spec = aSpec({ routes, steps, probes: [aProbe()], notify: ['ops'] });
  await startMigration(ports, spec, { run: 'run-1', actor: 'ada' });
  await advance(ports, 'shop-ingress', nowMs + 1_000);
}

describe('the entries of the load balancers', () => {
  it('are asked for nothing while the target has no weight', async () => {
    const { world, questions } = listening();
    world.controllerMs = 60_000;
    await start(world);
    await pass(world, 20);
    expect(questions).toEqual([]);
    expect((await view(world)).entries).toEqual([]);
  });

  it('are asked once for each verified share what the probes ask, every route at its own address', async () => {
    const { world, questions } = listening();
    await start(world);
    await pass(world, 15);
    expect((await view(world)).state).toBe('progressing.baking');
    expect(questions).toHaveLength(2);
    expect(questions[0]).toMatchObject({
      loadBalancer: 'lb-public',
      address: '198.51.100.10',
      port: 80,
      isTls: false,
      host: 'shop.example.com',
      path: '/productpage',
      status: 200,
    });
    expect((await view(world)).entries).toMatchObject([
      { loadBalancer: 'lb-public', port: 80, ...good },
      { loadBalancer: 'lb-internal', port: 80, ...good },
    ]);
    await pass(world, 90);
    expect((await view(world)).step).toBe(2);
    expect(questions).toHaveLength(4);
  });

  it('are told with the step, route by route, and decide nothing', async () => {
    const bad: EntryReply = { isOk: false, detail: '503, not 200' };
    const { world } = listening(({ loadBalancer }) => (loadBalancer === 'lb-internal' ? bad : good));
    await start(world);
    await pass(world, 60);
    const passed = world.notices.find(({ kind }) => kind === 'step.passed');
    expect(passed?.reason).toContain('lb-public:80 answers: 200 in 5 ms');
    expect(passed?.reason).toContain('lb-internal:80 does not answer as it should: 503, not 200');
  });

  it('are asked again after a minute while one does not answer well', async () => {
    let isWell = false;
    const { world, questions } = listening(() => (isWell ? good : { isOk: false, detail: 'ECONNREFUSED' }));
    await start(world, [aStep(50, { bakeMs: 600_000 }), aStep(100)]);
    await pass(world, 40);
    expect(questions).toHaveLength(2);
    isWell = true;
    await pass(world, 60);
    expect(questions).toHaveLength(4);
    await pass(world, 120);
    expect(questions).toHaveLength(4);
    expect((await view(world)).entries.map(({ isOk }) => isOk)).toEqual([true, true]);
  });

  it('are said not to have been asked where their addresses cannot be read', async () => {
    const { world, questions } = listening();
    await start(world, [aStep(50, { bakeMs: 600_000 }), aStep(100)]);
    world.onCall = (call) => {
      if (call === 'loadBalancer.describe') throw new TransientError('Throttling.User');
    };
    await pass(world, 20);
    expect(questions).toEqual([]);
    expect((await view(world)).entries).toMatchObject([
      { isOk: null, detail: 'Throttling.User' },
      { isOk: null, detail: 'Throttling.User' },
    ]);
    expect((await view(world)).state).toBe('progressing.baking');
  });
});
