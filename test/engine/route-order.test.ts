import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { dryRun } from '../../src/engine/plan.ts';
import { startMigration } from '../../src/engine/start.ts';
import { anInternalRoute, aRoute, aSpec, aStep } from '../fixtures/builders.ts';
import { view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
const routes = [aRoute(), anInternalRoute()] as const;
const clbs = ['lb-public', 'lb-internal'] as const;
let world: World;

beforeEach(() => {
  world = aWorld(routes);
});

const specOf = (spec: Partial<Spec> = {}) =>
  aSpec({ routes, routeOrder: 'sequential', steps: [aStep(10), aStep(50)], notify: ['ops'], ...spec });

/** A second of healthy traffic through each CLB, as a program that tells them apart reports it. */
async function traffic({ errors = 0, on = clbs }: { errors?: number; on?: readonly string[] } = {}): Promise<void> {
  for (const loadBalancer of on) {
    const target = Math.round(10 * world.share(loadBalancer));
    await world.count('source', 1_000 - target, 0, loadBalancer);
    await world.count('target', target, Math.min(target, errors), loadBalancer);
  }
}

async function start(spec: Partial<Spec> = {}) {
  await traffic();
  world.nowMs += 5_000;
  return startMigration(world.ports, specOf(spec), { run: 'run-1', actor: 'ada' });
}

async function until(state: string, step?: number, reported: Parameters<typeof traffic>[0] = {}): Promise<void> {
  for (let tick = 0; tick < 600; tick++) {
    const { state: now, step: at } = await view(world);
    if (now === state && (step === undefined || at === step)) return;
    await traffic(reported);
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  throw new Error(`never came to ${state}, but is ${(await view(world)).state} at step ${(await view(world)).step}`);
}

const shares = () => clbs.map((loadBalancer) => Math.round(world.share(loadBalancer)));
const titles = () => world.notices.map(({ title }) => title);

describe('routes one after the other', () => {
  it('go through all steps each, the first before the second begins', async () => {
    await start();
    const seen: number[][] = [];
    for (const step of [1, 2, 3, 4]) {
      await until('progressing.baking', step);
      seen.push(shares());
    }
    await until('completed');
    expect(seen).toEqual([
      [10, 0],
      [50, 0],
      [50, 10],
      [50, 50],
    ]);
  });

  it('write nothing to a route whose turn is still to come, but for the fence', async () => {
    await start();
    const before = world.routes[1]?.side.target.written;
    await until('progressing.baking', 2);
    expect(world.routes[1]?.side.target.written).toEqual(before);
    expect(world.routes[1]?.side.source.written.weight).toBe('100');
  });

  it('say of which route a step is, to those who look and to those who are told', async () => {
    await start();
    await until('progressing.baking', 3);
    await advance(world.ports, name, world.nowMs + 5_000);
    const { step, steps, route, share, ports } = await view(world);
    expect({ step, steps, route }).toEqual({ step: 3, steps: 4, route: 'lb-internal' });
    expect(share).toMatchObject({ asked: 10, achieved: 10 });
    expect(ports.map(({ loadBalancer, asked }) => [loadBalancer, asked])).toEqual([
      ['lb-public', 50],
      ['lb-internal', 10],
    ]);
    expect(titles()).toEqual(
      expect.arrayContaining([
        'shop-ingress: 10 per cent of lb-public verified at the CLB',
        'shop-ingress: step 2 (lb-public) passed',
        'shop-ingress: 10 per cent of lb-internal verified at the CLB',
      ]),
    );
    expect(world.notices.at(-1)).toMatchObject({ step: 3, steps: 4, route: 'lb-internal', asked: 10 });
    const history = await world.ports.store.history(name, 500);
    expect(history.map(({ text }) => text)).toContain('shop-ingress: 10 per cent of lb-internal verified at the CLB');
  });

  it('show what was counted at each CLB beside what is asked of it', async () => {
    await start();
    await until('progressing.baking', 3);
    for (let second = 0; second < 8; second++) {
      await traffic();
      world.nowMs += 1_000;
    }
    await advance(world.ports, name, world.nowMs + 5_000);
    const { ports, share } = await view(world);
    expect(ports.map(({ observed }) => Math.round(observed ?? -1))).toEqual([50, 10]);
    expect(Math.round(share.observed ?? -1)).toBe(10);
  });

  it('come back all of them when one fails', async () => {
    await start();
    await until('progressing.baking', 3);
    await until('rolledBack', undefined, { errors: 1_000 });
    expect(shares()).toEqual([0, 0]);
  });

  it('are judged by what came through their own CLB: the errors of another do not count', async () => {
    await start();
    await until('progressing.baking', 3);
    for (let second = 0; second < 70; second++) {
      await traffic({ on: ['lb-internal'] });
      await traffic({ on: ['lb-public'], errors: 1_000 });
      await advance(world.ports, name, world.nowMs + 5_000);
      world.nowMs += 1_000;
    }
    expect((await view(world)).step).toBe(4);
    expect(await view(world)).not.toMatchObject({ state: 'rolledBack' });
  });

  it('lack data where their own CLB is silent, however much comes through another', async () => {
    await start();
    await until('progressing.baking', 3);
    await until('held', undefined, { on: ['lb-public'] });
    const { reason, route, verdict } = await view(world);
    expect({ route, kind: verdict?.kind }).toEqual({ route: 'lb-internal', kind: 'insufficient' });
    expect(reason).toContain('no requests of the target so far');
  });

  it('open a gate of its own at each stage that has one', async () => {
    const gated = aStep(10, { gate: { expiresInMs: 600_000, onExpiry: 'rollback' } });
    await start({ steps: [gated] });
    await until('progressing.gated', 1);
    const first = (await view(world)).gate?.id ?? '';
    await sendCommand(world.ports, name, { type: 'approve', gate: first }, 'ada');
    await until('progressing.gated', 2);
    const second = (await view(world)).gate?.id ?? '';
    expect(second).not.toBe(first);
    await expect(sendCommand(world.ports, name, { type: 'approve', gate: first }, 'ada')).rejects.toThrow(second);
  });

  it('arrive all of them when a person promotes past all steps', async () => {
    await start();
    await until('progressing.baking', 1);
    await sendCommand(world.ports, name, { type: 'promote', all: true }, 'ada');
    await until('completed');
    expect(shares()).toEqual([50, 50]);
  });

  it('skip one stage when a person promotes one', async () => {
    await start();
    await until('progressing.baking', 2);
    await sendCommand(world.ports, name, { type: 'promote', all: false }, 'ada');
    await until('progressing.baking', 3);
    expect(shares()).toEqual([50, 10]);
  });

  it('are all back at the end of a canary', async () => {
    await start({ finish: 'return', steps: [aStep(10)] });
    await until('progressing.baking', 2);
    await until('rolledBack');
    expect((await view(world)).reason).toBe('the canary is over');
    expect(shares()).toEqual([0, 0]);
  });

  it('are held on drift of a route that is through, and of one that is still to come', async () => {
    await start();
    await until('progressing.baking', 3);
    world.drift('target', '5', 'kubectl-edit', 'lb-public');
    await until('held');
    expect((await view(world)).reason).toContain('kubectl-edit');
    world = aWorld(routes);
    await start();
    await until('progressing.baking', 1);
    world.drift('target', '1', 'kubectl-edit', 'lb-internal');
    await until('held');
    expect((await view(world)).reason).toContain('kubectl-edit');
  });

  it('pull back what goes to the target of a route that is still to come', async () => {
    await start();
    await until('progressing.baking', 1);
    world.drift('target', '40', 'kubectl-edit', 'lb-internal');
    await until('held');
    expect(shares()).toEqual([10, 0]);
    expect(titles().filter((title) => title.includes('pulled back'))).toHaveLength(1);
  });

  it('leave the weights of a route that is through while they are near enough, and correct them beyond', async () => {
    await start({ steps: [aStep(10)] });
    await until('progressing.baking', 1);
    const kept = { ...world.side.source.written };
    world.side.target.pods = 4;
    world.side.target.arrivesAtMs = world.nowMs;
    world.side.source.pods = 4;
    world.side.source.arrivesAtMs = world.nowMs;
    await until('progressing.baking', 2);
    expect(world.side.source.written).toEqual(kept);
    world.side.source.pods = 50;
    world.side.source.arrivesAtMs = world.nowMs;
    const isCorrected = () => world.notices.some(({ kind }) => kind === 'step.corrected');
    for (let tick = 0; tick < 20 && !isCorrected(); tick++) {
      await traffic();
      await advance(world.ports, name, world.nowMs + 5_000);
      world.nowMs += 1_000;
    }
    expect(isCorrected()).toBe(true);
    await until('progressing.baking', 2);
    expect(Math.abs(world.share('lb-public') - 10)).toBeLessThanOrEqual(2);
  });
});

describe('routes together', () => {
  it('move in lockstep, and show the gateway counted for all where samples name no CLB', async () => {
    await startMigration(world.ports, specOf({ routeOrder: 'together' }), { run: 'run-1', actor: 'ada' });
    for (let tick = 0; tick < 30 && (await view(world)).share.observed === null; tick++) {
      await world.count('source', 300, 0);
      await world.count('target', 100, 0);
      await advance(world.ports, name, world.nowMs + 5_000);
      world.nowMs += 1_000;
    }
    expect(shares()).toEqual([10, 10]);
    const { steps, route, ports } = await view(world);
    expect({ steps, route }).toEqual({ steps: 2, route: null });
    expect(ports.map(({ asked, observed }) => ({ asked, observed }))).toEqual([
      { asked: 10, observed: 25 },
      { asked: 10, observed: 25 },
    ]);
  });
});

describe('one route after the other', () => {
  const checksOf = async (spec: Partial<Spec> = {}) =>
    (await dryRun(world.ports, specOf(spec))).preflight.checks.filter(({ id }) => id === 'route-order');

  it('is refused, by the dry run and the start alike, where no sample names a CLB; it says what to do', async () => {
    await traffic({ on: ['lb-public'] });
    await world.count('source', 100, 0);
    const [check] = await checksOf();
    expect(check).toMatchObject({ status: 'fail' });
    expect(check?.found).toMatch(/names lb-internal: send loadBalancer .*or take routeOrder together/);
    await startMigration(world.ports, specOf(), { run: 'run-1', actor: 'ada' });
    await advance(world.ports, name, world.nowMs + 5_000);
    expect(await view(world)).toMatchObject({ state: 'refused', reason: check?.found });
    expect(world.calls.filter((call) => call.startsWith('router.write'))).toEqual([]);
  });

  it('is refused where the samples that name the CLBs are older than five minutes', async () => {
    await traffic();
    world.nowMs += 299_000;
    expect(await checksOf()).toMatchObject([{ status: 'pass' }]);
    world.nowMs += 2_000;
    expect(await checksOf()).toMatchObject([{ status: 'fail' }]);
  });

  it('is refused where two routes use one CLB, which no sample tells apart', async () => {
    const twin = { ...anInternalRoute(), loadBalancer: 'lb-public' };
    world = aWorld([aRoute(), twin]);
    await traffic({ on: ['lb-public'] });
    const [check] = await checksOf({ routes: [aRoute(), twin] });
    expect(check?.found).toContain('two routes use lb-public');
  });

  it('needs nothing where there is one route, or where they move together', async () => {
    expect(await checksOf({ routes: [aRoute()] })).toEqual([]);
    expect(await checksOf({ routeOrder: 'together' })).toEqual([]);
  });

  it('is planned with the ends and the requests of each route in its turn', async () => {
    for (let second = 0; second < 10; second += 1) {
      await world.count('source', 300, 0, 'lb-public');
      await world.count('source', 100, 0, 'lb-internal');
      world.nowMs += 1_000;
    }
    const { plan } = await dryRun(world.ports, specOf());
    const at = (ms: number) => new Date(world.nowMs + ms).toISOString();
    const steps = plan.routes.map(({ ports }) =>
      (ports[0]?.steps ?? []).map(({ asked, earliestEnd, requests }) => ({ asked, earliestEnd, requests })),
    );
    expect(steps).toEqual([
      [
        { asked: 10, earliestEnd: at(60_000), requests: 1_800 },
        { asked: 50, earliestEnd: at(120_000), requests: 9_000 },
      ],
      [
        { asked: 10, earliestEnd: at(180_000), requests: 600 },
        { asked: 50, earliestEnd: at(240_000), requests: 3_000 },
      ],
    ]);
  });
});
