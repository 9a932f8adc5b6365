import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import { advance } from '../../src/engine/advance.ts';
import { dryRun } from '../../src/engine/plan.ts';
import { resolveDraft, startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import type { Signals } from '../../src/ports/signals.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
let world: World;
/** What the source `main` says when it is asked. */
let main: Signals['read'];

/** 100 requests a second on each side, with so many errors of them at the target. */
const counting =
  (errors: number): Signals['read'] =>
  async (_, sinceMs) => {
    const seconds = Array.from({ length: 600 }, (_, index) => world.nowMs - (index + 1) * 1_000);
    const of = (side: Sample['side'], wrong: number) =>
      seconds.map((fromMs) => ({ side, instance: 'pod-1', fromMs, ms: 1_000, requests: 100, errors: wrong }));
    const samples = [...of('source', 0), ...of('target', errors)].filter(({ fromMs }) => fromMs >= sinceMs);
    return samples.toSorted((one, other) => one.fromMs - other.fromMs);
  };
const failing: Signals['read'] = async () => {
  throw new TransientError('signals of main: HTTP 503');
};

beforeEach(() => {
  world = aWorld();
  main = counting(0);
  const { signals } = world.ports;
  const read: Signals['read'] = (asked, sinceMs, from) =>
    from === undefined ? signals.read(asked, sinceMs) : main(asked, sinceMs, from);
  world.ports = { ...world.ports, signals: { ...signals, read } };
});

const specWith = (signals: Spec['analysis']['signals']): Spec => {
  const spec = aSpec({ steps: [aStep(50, { bakeMs: 60_000 })] });
  return { ...spec, analysis: { ...spec.analysis, signals } };
};

async function start(signals: Spec['analysis']['signals']): Promise<void> {
  await startMigration(world.ports, specWith(signals), { run: 'run-1', actor: 'ada' });
}

/** Lets so much time pass, with a tick each second and, where asked for, healthy samples that are pushed. */
async function live(ms: number, isPushed = false): Promise<void> {
  const endMs = world.nowMs + ms;
  while (world.nowMs < endMs) {
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
    if (isPushed) for (const side of ['source', 'target'] as const) await world.count(side, 100, 0);
  }
}

describe('a migration whose signals are pulled', () => {
  it('goes on where the source says that all is well', async () => {
    await start('main');
    await live(180_000);
    expect((await view(world)).state).toBe('completed');
  });

  it('says for minutes which of several that count has stopped', async () => {
    const endedMs = world.nowMs + 60_000;
    main = async (...asked) => {
      const going = await counting(0)(...asked);
      const ended = going.filter(({ side, fromMs }) => side === 'source' && fromMs < endedMs);
      return [...going, ...ended.map((sample) => ({ ...sample, instance: 'pod-2' }))];
    };
    const spec = specWith('main');
    const long = { ...spec, steps: [aStep(50, { bakeMs: 600_000 })] };
    await startMigration(world.ports, long, { run: 'run-1', actor: 'ada' });
    await live(240_000);
    expect((await view(world)).verdict?.findings.join()).toMatch(/pod-2 of the source is 1[78]\d s behind the others/);
  });

  it('is rolled back where it counts errors at the target', async () => {
    main = counting(30);
    await start(['main']);
    await live(120_000);
    expect(await view(world)).toMatchObject({ state: 'rolledBack' });
    expect(world.share()).toBe(0);
  });

  it('waits where the source cannot be asked, for it says neither good nor bad', async () => {
    await start('main');
    await live(10_000);
    main = failing;
    await live(180_000);
    expect(await view(world)).toMatchObject({
      state: 'progressing.baking',
      verdict: { kind: 'error', reason: 'signals of main: HTTP 503' },
    });
  });

  it('is refused where the source cannot be asked at the start', async () => {
    main = failing;
    const { preflight } = await dryRun(world.ports, specWith('main'));
    const failed = { id: 'signals', status: 'fail', found: 'signals of main: HTTP 503' };
    expect(preflight.checks).toContainEqual(expect.objectContaining(failed));
    await start('main');
    await live(5_000);
    expect(await view(world)).toMatchObject({ state: 'refused', reason: expect.stringContaining('HTTP 503') });
  });

  it('is refused where the installation does not know the source', async () => {
    await expect(resolveDraft(world.ports, specWith(['push', 'nowhere']))).rejects.toThrow(
      'spec.analysis.signals: source of signals "nowhere" is not in the installation\'s configuration (known: push, probes, main)',
    );
  });
});

describe('a migration with several sources', () => {
  it('goes by the worst: one fails, the other is well', async () => {
    main = counting(30);
    await start(['push', 'main']);
    await live(120_000, true);
    expect((await view(world)).state).toBe('rolledBack');
  });

  it('does not go on while one of them cannot be asked', async () => {
    await start(['push', 'main']);
    await live(10_000, true);
    main = failing;
    await live(120_000, true);
    expect(await view(world)).toMatchObject({ state: 'progressing.baking', verdict: { kind: 'error' } });
  });

  it('goes on when all of them are well', async () => {
    await start(['push', 'main']);
    await live(180_000, true);
    expect((await view(world)).state).toBe('completed');
  });
});
