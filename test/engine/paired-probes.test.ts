import { beforeEach, describe, expect, it } from 'vitest';
import type { Side } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { anAnalysis, aProbe, aSpec, aStep } from '../fixtures/builders.ts';
import { view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const minuteMs = 60_000;
let world: World;
let random: ReturnType<typeof seededRandom>;
/** Pairs asked of each side, beside the probes that only ask whether a side is alive. */
let asked: Record<Side, number>;
/** Chance that a probe of a pair fails. */
let failing: Record<Side, number>;
let usersErrors = 0;

beforeEach(() => {
  world = aWorld();
  world.nowMs = 1_700_000_000_000;
  random = seededRandom(7);
  asked = { source: 0, target: 0 };
  failing = { source: 0.001, target: 0.001 };
  usersErrors = 0;
  const { probe } = world.ports;
  world.ports = {
    ...world.ports,
    probe: {
      ...probe,
      ask: async (spec, services, turn) => {
        const answer = await probe.ask(spec, services);
        if (turn === undefined) return answer;
        const side = services.some(({ name }) => name.endsWith('-asm')) ? 'target' : 'source';
        asked[side] += 1;
        return random.next() < failing[side] ? { isOk: false, detail: '503', ms: 3 } : { ...answer, ms: 3 };
      },
    },
  };
});

async function start(signals: readonly string[], patienceMs = 60 * minuteMs): Promise<void> {
  const steps = [10, 25, 50].map((share) => aStep(share, { bakeMs: 5 * minuteMs }));
  const analysis = anAnalysis({ signals, patienceMs });
  const spec = aSpec({ steps, probes: [aProbe()], analysis, settleMs: 20_000 });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
}

/** A request of a user every other second, each to the side that the share gives it; a look every five seconds. */
async function live(ms: number, { errorRate = 0, areKept = false } = {}): Promise<void> {
  const endMs = world.nowMs + ms;
  while (world.nowMs < endMs) {
    await advance(world.ports, 'shop-ingress', world.nowMs + 20_000);
    const counts = { source: { requests: 0, errors: 0 }, target: { requests: 0, errors: 0 } };
    for (let user = 0; user < 5; user += 1) {
      if (random.next() < 0.5) continue;
      const side = !areKept && random.next() * 100 < world.share() ? 'target' : 'source';
      counts[side].requests += 1;
      if (side === 'target' && random.next() < errorRate) counts[side].errors += 1;
    }
    usersErrors += counts.target.errors;
    const samples = (['source', 'target'] as const).map((side) => ({
      ...{ side, instance: `${side}-1`, fromMs: world.nowMs, ms: 5_000 },
      ...counts[side],
    }));
    world.nowMs += 5_000;
    await world.ports.signals.record('shop-ingress', samples);
  }
}

describe('at half a request a second', () => {
  it('paired probes prove a healthy target in about half an hour', async () => {
    await start(['push', 'probes']);
    await live(35 * minuteMs);
    const { state, verdict } = await view(world);
    expect(state).toBe('completed');
    expect(verdict).toMatchObject({ kind: 'pass', signals: 'probes' });
    expect(verdict?.reason).toMatch(/by paired probes; nothing speaks against it in \d+ requests of users/);
    expect(verdict?.others).toMatchObject([{ signals: 'push', cause: 'open' }]);
  });

  it('without them the first step is still open by then', async () => {
    await start(['push']);
    await live(35 * minuteMs);
    expect(await view(world)).toMatchObject({ step: 1, verdict: { kind: 'insufficient', cause: 'open' } });
    expect(asked).toEqual({ source: 0, target: 0 });
  });

  it('they find a target that fails one request in twenty, before a user has', async () => {
    failing = { source: 0.001, target: 0.05 };
    await start(['push', 'probes']);
    await live(15 * minuteMs);
    expect(await view(world)).toMatchObject({ state: 'rolledBack', verdict: { kind: 'fail', signals: 'probes' } });
    expect([world.share(), usersErrors]).toEqual([0, 0]);
  });

  it('they prove nothing where users fail although probes do not', async () => {
    await start(['push', 'probes']);
    await live(15 * minuteMs, { errorRate: 0.5 });
    expect(await view(world)).toMatchObject({ state: 'rolledBack', verdict: { kind: 'fail', signals: 'push' } });
  });

  it('they prove nothing where no request of a user has come to the target', async () => {
    await start(['push', 'probes']);
    // Too short for the source's requests alone to show that the target gets none.
    await live(6 * minuteMs, { areKept: true });
    expect((await view(world)).step).toBe(1);
    expect((await view(world)).verdict?.kind).toBe('insufficient');
  });
});

describe('paired probes', () => {
  it('are asked once a second of each side, while a step is under way', async () => {
    await start(['push', 'probes']);
    await live(4 * minuteMs);
    expect(asked.source).toBe(asked.target);
    expect(asked.target).toBeGreaterThan(200);
    expect(asked.target).toBeLessThanOrEqual(240);
    // Half of them go to the target, of the users one in ten: they are in no observed share.
    expect((await view(world)).share.observed).toBeLessThan(40);
  });

  it('are not made up for after a pause', async () => {
    await start(['push', 'probes']);
    await live(2 * minuteMs);
    const before = asked.target;
    world.nowMs += 10 * minuteMs;
    await live(5_000);
    expect(asked.target - before).toBeLessThanOrEqual(10);
  });

  it('whose answers cannot be kept are told of, and hold up nothing else', async () => {
    await start(['push', 'probes']);
    await live(2 * minuteMs);
    const { signals } = world.ports;
    const record: typeof signals.record = async (name, samples) => {
      if (name.endsWith('@probes')) throw new TransientError('Redis is full');
      return signals.record(name, samples);
    };
    world.ports = { ...world.ports, signals: { ...signals, record } };
    await live(minuteMs);
    const { verdict, probes } = await view(world);
    expect(verdict?.findings).toContain('paired probes: Redis is full');
    expect(probes.every(({ failuresInRow }) => failuresInRow === 0)).toBe(true);
  });
});
