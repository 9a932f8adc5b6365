import { beforeEach, describe, expect, it } from 'vitest';
import type { Side, Spec } from '../../src/domain/spec.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { anInternalRoute, aRoute, aSpec, aStep } from '../fixtures/builders.ts';
import { view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
const minuteMs = 60_000;
type Counting = (side: Side, requests: number) => readonly Partial<Sample>[];
let world: World;
let counting: Counting;

beforeEach(() => {
  world = aWorld();
  counting = () => [{}];
});

/** With a minute of the source before: a step to 100 per cent at once has nothing else to be compared with. */
async function start(more: Partial<Spec> = {}): Promise<void> {
  const before = Array.from({ length: 12 }, (_, index) => world.nowMs - (index + 1) * 5_000);
  const samples = before.flatMap((fromMs) =>
    counting('source', 500).map((fields): Sample => {
      return { side: 'source', instance: 'source-1', fromMs, ms: 5_000, requests: 500, errors: 0, ...fields };
    }),
  );
  await world.ports.signals.record(name, samples);
  const spec = aSpec({ steps: [aStep(100)], notify: ['ops'], ...more });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
}

/** One second of traffic of both sides, counted as the test says, and what the engine makes of it. */
async function second(): Promise<void> {
  const requests = { source: 100 - world.share(), target: world.share() };
  const interval = { fromMs: Math.floor(world.nowMs / 1000) * 1000, ms: 1_000, errors: 0 };
  const samples = (['source', 'target'] as const).flatMap((side) =>
    counting(side, requests[side]).map((fields) => ({
      ...{ side, instance: `${side}-1`, ...interval, requests: Math.round(requests[side]) },
      ...fields,
    })),
  );
  await world.ports.signals.record(name, samples);
  await advance(world.ports, name, world.nowMs + 5_000);
  world.nowMs += 1_000;
}

async function until(state: string): Promise<void> {
  for (let tick = 0; tick < 600; tick++) {
    if ((await view(world)).state === state) return;
    await second();
  }
  throw new Error(`never came to ${state}, but is ${(await view(world)).state}`);
}

async function wait(ms: number): Promise<void> {
  for (const endMs = world.nowMs + ms; world.nowMs < endMs; ) await second();
}

const notice = (kind: string) => world.notices.find((one) => one.kind === kind);
const lineOf = async (kind: string) =>
  (await world.ports.store.history(name, 500)).find((entry) => entry.kind === kind)?.text;

/** At a source of weight 0: two old connections with a request a second, and four direct requests a second. */
const withLeftovers: Counting = (side, requests) =>
  side === 'source' ? [{ requests: requests + 5, direct: 4, connections: 2 }] : [{ direct: 0, connections: 8 }];

describe('a migration that is completed', () => {
  it('tells in view, notice and history how many connections are open at the source, and what comes past the CLB', async () => {
    counting = withLeftovers;
    await start();
    await until('completed');
    const { leftovers } = await view(world);
    expect(leftovers).toMatchObject([
      { loadBalancer: 'lb-public', side: 'source', connections: 2, countedAt: 'gateway' },
    ]);
    expect(leftovers[0]?.requests).toBeGreaterThan(40);
    const direct = leftovers[0]?.direct ?? 0;
    expect(direct).toBeGreaterThan(120);
    const told = /lb-public: 2 connections open at the source, .* requests at the source in the last minute over old/;
    expect(notice('completed')?.reason).toMatch(told);
    expect(notice('completed')?.reason).toContain(`${direct} requests a minute reach the source past the CLB`);
    expect(notice('completed')?.next).toContain("callers in the cluster use the name of the source's Service");
    expect(notice('completed')?.next).toMatch(/^rollback restores the baseline .*connection drain/);
    expect(await lineOf('completed')).toMatch(told);
  });

  it('tells each CLB apart where samples name it', async () => {
    world = aWorld([aRoute(), anInternalRoute()]);
    counting = (side, requests) => [
      { requests: Math.round(requests / 2), loadBalancer: 'lb-public', connections: side === 'source' ? 3 : 5 },
      { requests: Math.round(requests / 2), loadBalancer: 'lb-internal', connections: side === 'source' ? 0 : 5 },
    ];
    await start({ routes: [aRoute(), anInternalRoute()] });
    await until('completed');
    expect((await view(world)).leftovers).toMatchObject([
      { loadBalancer: 'lb-public', connections: 3, requests: 0, direct: null, countedAt: 'loadBalancer' },
      { loadBalancer: 'lb-internal', connections: 0, requests: 0, direct: null, countedAt: 'loadBalancer' },
    ]);
    expect(notice('completed')?.reason).toContain(
      'lb-public: 3 connections open at the source; lb-internal: no connection',
    );
  });

  it('says the plain fact where the samples tell nothing but requests', async () => {
    counting = (side, requests) => [{ requests: Math.round(requests) + (side === 'source' ? 1 : 0) }];
    await start();
    await until('completed');
    expect((await view(world)).leftovers).toMatchObject([{ connections: null, direct: null }]);
    expect(notice('completed')?.reason).toMatch(
      /\d+ requests in the last minute were still counted at the source; nobody tells whether over old connections or past the CLB/,
    );
    expect(notice('completed')?.next).toContain('downstream_cx_active');
  });

  it('counts again while it can be undone, rarely, and tells the last count when it is closed', async () => {
    counting = withLeftovers;
    await start({ undoForMs: 10 * minuteMs });
    await until('completed');
    const before = await view(world);
    counting = (side) => [{ direct: 0, connections: side === 'source' ? 1 : 8 }];
    await wait(2 * minuteMs);
    expect((await view(world)).leftovers).toMatchObject([{ connections: 1, direct: expect.any(Number) }]);
    await wait(6 * minuteMs);
    const after = await view(world);
    expect(after.leftovers).toMatchObject([{ connections: 1, requests: 0, direct: 0 }]);
    // Two counts in eight minutes, of two or three commits each: what waits for its undo must cost next to nothing.
    expect(after.revision - before.revision).toBeLessThan(12);
    await until('closed');
    expect(notice('closed')?.reason).toContain('lb-public: 1 connections open at the source');
    expect(await world.ports.store.due(Number.MAX_SAFE_INTEGER / 2, 10)).toEqual([]);
  });

  it('counts again where the samples could not be read', async () => {
    counting = withLeftovers;
    await start();
    await until('completed');
    const { signals } = world.ports;
    let failures = 0;
    world.ports = {
      ...world.ports,
      signals: {
        ...signals,
        read: async (...asked) => {
          if (failures++ < 3) throw new TransientError('Redis does not answer');
          return signals.read(...asked);
        },
      },
    };
    counting = () => [{ direct: 0, connections: 0 }];
    await wait(2.5 * minuteMs);
    expect(failures).toBeGreaterThan(3);
    expect((await view(world)).leftovers).toMatchObject([{ connections: 0 }]);
  });

  it('forgets what was counted at another share: a person who skips everything is told that nobody has counted since', async () => {
    await start({ steps: [aStep(10), aStep(100)] });
    await until('progressing.baking');
    await sendCommand(world.ports, name, { type: 'promote', all: true }, 'ada');
    counting = () => [];
    await until('completed');
    expect((await view(world)).leftovers).toEqual([]);
    await wait(2 * minuteMs);
    expect((await view(world)).leftovers).toMatchObject([{ connections: null, requests: null, countedAtMs: null }]);
  });
});

describe('a migration that is rolled back', () => {
  it('tells the connections that are open at the target, and no request of before as left', async () => {
    counting = withLeftovers;
    await start();
    await until('progressing.baking');
    await wait(20_000);
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until('rolledBack');
    expect((await view(world)).leftovers).toMatchObject([
      { loadBalancer: 'lb-public', side: 'target', connections: 8, requests: null, direct: 0 },
    ]);
    const told = 'lb-public: 8 connections open at the target when they were last counted, before its weight was 0';
    expect(notice('rolledback')?.reason).toBe(`aborted by ada; ${told}`);
    expect(notice('rolledback')?.next).toMatch(/^nothing; the name is free; before the target is retired: /);
    expect(await lineOf('rolledback')).toContain(told);
  });

  it('is rolled back all the same where the samples cannot be read', async () => {
    await start();
    await until('progressing.baking');
    world.ports = {
      ...world.ports,
      signals: { ...world.ports.signals, read: () => Promise.reject(new Error('Redis is gone')) },
    };
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until('rolledBack');
    expect(notice('rolledback')?.reason).toContain('nobody counts at the target');
  });
});
