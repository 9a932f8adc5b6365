import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec, Step } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { type Watched, watchOver } from '../../src/engine/watchdog.ts';
import { ConflictError, NotAllowedError, TransientError } from '../../src/ports/errors.ts';
import { type KeptBaselines, noMark } from '../../src/ports/kept-baselines.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
const minuteMs = 60_000;
let world: World;
let listed: number;
/** Of the object that the baseline is kept in. */
let version: number;

beforeEach(async () => {
  world = aWorld();
  version = 1;
  listed = 0;
  await begin([aStep(50, { bakeMs: 3_600_000 }), aStep(100, { bakeMs: 1_000, gate })]);
});

const gate = { expiresInMs: 3_600_000, onExpiry: 'hold' } as const;

async function begin(
  steps: readonly Step[],
  { run = 'run-1', ...more }: Partial<Spec> & { readonly run?: string } = {},
): Promise<void> {
  await startMigration(world.ports, aSpec({ steps, notify: ['ops'], ...more }), { run, actor: 'ada' });
  await until('progressing.baking');
}

/** The kept baseline of the world, with the watchdog's marks on it. */
const kept: KeptBaselines = {
  list: async () => {
    listed += 1;
    await world.onCall('kept.list');
    const way = { name, cluster: 'ack', namespace: 'istio-system', mark: world.mark, version: `${version}` };
    return { ways: world.kept === null ? [] : [{ ...way, baseline: world.kept }], problems: [] };
  },
  mark: async (way, next) => {
    await world.onCall('kept.mark');
    if (way.version !== `${version}`) throw new ConflictError('the ConfigMap changed since it was listed');
    [world.mark, version] = [next, version + 1];
  },
};

/** One invocation by the timer, with all its time. */
const watchdog = (): Promise<Watched> => watchOver({ ...world.ports, kept }, world.nowMs + 57_000);
const pass = (ms: number): void => {
  world.nowMs += ms;
};
/** What its timer does for so many minutes. */
async function watchdogFor(minutes: number): Promise<readonly Watched[]> {
  const runs: Watched[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const nextMs = world.nowMs + minuteMs;
    runs.push(await watchdog());
    world.nowMs = Math.max(world.nowMs, nextMs);
  }
  return runs;
}

async function tick(seconds: number): Promise<string> {
  const endMs = world.nowMs + seconds * 1_000;
  while (world.nowMs < endMs) {
    await world.count('source', 100, 0);
    await world.count('target', 100, 0);
    await advance(world.ports, name, world.nowMs + 3_000);
    world.nowMs += 500;
  }
  return (await record()).state;
}

async function until(state: string): Promise<void> {
  for (let round = 0; round < 300; round++) if ((await tick(1)) === state) return;
  throw new Error(`never came to ${state}`);
}

async function record() {
  const found = await world.ports.store.load(name);
  if (found === null) throw new Error('no record');
  return found;
}

const history = async () => (await world.ports.store.history(name, 500)).map(({ kind }) => kind);
const told = () => world.notices.map(({ kind }) => kind);
const writes = () => world.calls.filter((call) => call.startsWith('router.write'));
const send = (command: Parameters<typeof sendCommand>[2]) => sendCommand(world.ports, name, command, 'ada');

function failOn(pattern: RegExp): void {
  world.onCall = (call) => {
    if (pattern.test(call)) throw new TransientError(`${call} gives no answer`);
  };
}

function loseStore(): () => void {
  const store = { ...world.ports.store };
  const lost = () => Promise.reject(new TransientError('the store gives no answer'));
  for (const method of ['now', 'load', 'due', 'commit'] as const) Object.assign(world.ports.store, { [method]: lost });
  return () => Object.assign(world.ports.store, store);
}

describe('a migration without heartbeat', () => {
  it('is brought back after deadManAfter, verified at the load balancer, and people are told', async () => {
    pass(5 * minuteMs + 1_000);
    const { rolledBack } = await watchdog();
    expect(rolledBack).toMatchObject([{ name, end: 'restored', undelivered: [] }]);
    expect(world.share()).toBe(0);
    expect(world.side.source.written.weight).toBe('100');
    expect((await history()).slice(-2)).toEqual(['watchdog.claimed', 'watchdog.restored']);
    expect(told().slice(-2)).toEqual(['rollback.started', 'rolledback']);
    expect(world.notices.at(-2)?.reason).toBe('no heartbeat for 5m: the watchdog took over');
  });

  it('is left alone while its engine lives, and until the time is over', async () => {
    pass(5 * minuteMs - 2_000);
    expect((await watchdog()).rolledBack).toEqual([]);
    await tick(30);
    pass(5 * minuteMs - 2_000);
    expect((await watchdog()).rolledBack).toEqual([]);
    expect(await tick(5)).toBe('progressing.baking');
    expect(world.share()).toBe(50);
  });

  it('is brought back from each state in which traffic may be split', async () => {
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      paused: () => send({ type: 'pause' }),
      held: async () => world.drift('target', '49', 'bob'),
      'progressing.gated': () => send({ type: 'promote', all: false }),
    };
    for (const [state, enter] of Object.entries(ways)) {
      await enter();
      await until(state);
      pass(5 * minuteMs + 1_000);
      expect((await watchdog()).rolledBack, state).toMatchObject([{ end: 'restored' }]);
      expect(world.share(), state).toBe(0);
      await until('rolledBack');
      await tick(5);
      await begin([aStep(50, { bakeMs: 3_600_000 }), aStep(100, { bakeMs: 0, gate })], { run: `after-${state}` });
    }
  });

  it('that has arrived keeps its traffic', async () => {
    await send({ type: 'promote', all: true });
    await until('completed');
    pass(30 * minuteMs);
    expect((await watchdog()).rolledBack).toEqual([]);
    expect(world.share()).toBe(100);
  });

  it('is taken from a rollback that nobody carries out, the guards of a rollback with it', async () => {
    world.controllerMs = 100_000_000;
    await send({ type: 'abort', isForced: false });
    await tick(5);
    pass(5 * minuteMs + 1_000);
    const runs = await watchdogFor(2);
    expect(runs[0]?.rolledBack).toMatchObject([{ end: 'underWay' }]);
    expect(world.share()).toBe(0);
    expect(told().filter((kind) => kind === 'rollback.brokeGlass')).toHaveLength(1);
    expect((await history()).filter((kind) => kind === 'watchdog.claimed')).toHaveLength(1);
  });

  it('does not go onto a source that is not there: it waits, and people are told once', async () => {
    world.side.source.pods = 0;
    world.side.source.atClb = [];
    pass(5 * minuteMs + 1_000);
    const runs = await watchdogFor(3);
    expect(runs.map(({ rolledBack }) => rolledBack[0]?.end)).toEqual(['underWay', 'underWay', 'underWay']);
    expect(world.share()).toBe(100);
    expect(told().filter((kind) => kind === 'rollback.blocked')).toHaveLength(1);
  });

  it('is brought back although the machine could not read its record', async () => {
    const current = await record();
    await world.ports.store.commit(
      { ...current, machineVersion: 999, revision: current.revision + 1 },
      current.revision,
      [],
    );
    pass(5 * minuteMs + 1_000);
    expect((await watchdog()).rolledBack).toMatchObject([{ end: 'restored' }]);
    expect(world.share()).toBe(0);
  });

  it('is brought back although no channel takes a notice, and what was not delivered is said', async () => {
    failOn(/^notifier/);
    pass(5 * minuteMs + 1_000);
    const [rolledBack] = (await watchdog()).rolledBack;
    expect(rolledBack).toMatchObject({ end: 'restored' });
    expect(rolledBack?.undelivered).toHaveLength(2);
    expect(world.share()).toBe(0);
  });

  it('is brought back while the list of kept baselines lets one wait', async () => {
    let answer: () => void = () => undefined;
    world.onCall = (call) =>
      call === 'kept.list'
        ? new Promise<void>((resolve) => {
            answer = resolve;
          })
        : undefined;
    pass(5 * minuteMs + 1_000);
    const watching = watchdog();
    for (let turn = 0; turn < 200 && world.share() > 0; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(world.share()).toBe(0);
    answer();
    expect((await watching).rolledBack).toMatchObject([{ end: 'restored' }]);
  });

  it('is claimed once: what was brought back is left to the engine that closes it', async () => {
    pass(5 * minuteMs + 1_000);
    await watchdog();
    const written = writes().length;
    await watchdogFor(10);
    expect(writes()).toHaveLength(written);
    expect((await history()).filter((kind) => kind.startsWith('watchdog'))).toHaveLength(2);
  });

  it('goes on to the next run where one ended in the middle', async () => {
    failOn(/^router/);
    pass(5 * minuteMs + 1_000);
    expect((await watchdog()).rolledBack).toMatchObject([{ end: 'underWay' }]);
    world.onCall = () => undefined;
    pass(3_000);
    expect((await watchdog()).rolledBack).toMatchObject([{ end: 'restored' }]);
    expect((await history()).filter((kind) => kind.startsWith('watchdog'))).toEqual([
      'watchdog.claimed',
      'watchdog.restored',
    ]);
    expect(told().filter((kind) => kind === 'rollback.started')).toHaveLength(1);
  });

  it('is brought back by one of two runs at once, and the other leaves it alone', async () => {
    pass(5 * minuteMs + 1_000);
    const both = await Promise.all([watchdog(), watchdog()]);
    expect(both.flatMap(({ rolledBack }) => rolledBack)).toHaveLength(1);
    expect(world.share()).toBe(0);
  });
});

describe('an engine that comes back after the watchdog', () => {
  it('only carries the rollback on, and closes the record', async () => {
    pass(5 * minuteMs + 1_000);
    await watchdog();
    const written = writes();
    await until('rolledBack');
    expect(writes().slice(written.length)).toEqual([]);
    expect(world.calls).toEqual(expect.arrayContaining(['router.seal source', 'router.seal target']));
    expect((await history()).slice(-2)).toEqual(['rollback.started', 'rolledback']);
    const lines = await world.ports.store.history(name, 500);
    expect(lines.find(({ kind }) => kind === 'rollback.started')?.text).toContain('no heartbeat for 5m');
  });

  it('takes over from a watchdog that is not done, which then writes no more', async () => {
    world.controllerMs = 20_000;
    pass(5 * minuteMs + 1_000);
    const watching = watchdog();
    for (let turn = 0; turn < 200 && (await record()).rescue === undefined; turn++) await Promise.resolve();
    await advance(world.ports, name, world.nowMs + 3_000);
    expect((await watching).rolledBack).toMatchObject([{ end: 'handedOver' }]);
    await until('rolledBack');
    expect(world.share()).toBe(0);
  });

  it('refuses what a person asks to go forward', async () => {
    failOn(/^router/);
    pass(5 * minuteMs + 1_000);
    await watchdog();
    await expect(send({ type: 'promote', all: true })).rejects.toThrow(NotAllowedError);
    expect((await record()).state).toBe('rollingBack');
  });

  it('is watched on: a person’s command into a record that no engine carries out delays the way back by seconds', async () => {
    failOn(/^router/);
    pass(5 * minuteMs + 1_000);
    await watchdog();
    await expect(send({ type: 'pause' })).rejects.toThrow(NotAllowedError);
    world.onCall = () => undefined;
    await watchdogFor(2);
    expect(world.share()).toBe(0);
    expect((await record()).rescue?.phase).toBe('restored');
  });

  /** Stops the engine at its nth write, as a frozen instance is stopped, until it is woken. */
  function freezeAtWrite(nth: number): { readonly frozen: () => boolean; wake(): void } {
    let written = 0;
    let wake: () => void = () => undefined;
    let isFrozen = false;
    world.onCall = (call) => {
      if (!call.startsWith('router.write')) return;
      written += 1;
      if (written !== nth) return;
      isFrozen = true;
      return new Promise<void>((resolve) => {
        wake = resolve;
      });
    };
    return { frozen: () => isFrozen, wake: () => wake() };
  }

  /** Runs an engine until it is frozen; it goes on when it is woken. */
  async function runUntil(ice: { readonly frozen: () => boolean }): Promise<{ readonly running: Promise<unknown> }> {
    let running: Promise<unknown> = Promise.resolve();
    for (let round = 0; round < 20 && !ice.frozen(); round++) {
      running = advance(world.ports, name, world.nowMs + 20_000);
      await Promise.race([running, new Promise((resolve) => setImmediate(resolve))]);
    }
    expect(ice.frozen()).toBe(true);
    return { running };
  }

  it.each([1, 2])('writes nothing more of the shift in which it was frozen, at its write %i', async (nth) => {
    world = aWorld();
    await begin([aStep(10, { bakeMs: 3_600_000 }), aStep(90)]);
    const ice = freezeAtWrite(nth);
    await send({ type: 'promote', all: false });
    const frozen = await runUntil(ice);
    pass(5 * minuteMs + 1_000);
    expect((await watchdog()).rolledBack).toMatchObject([{ end: 'restored' }]);
    ice.wake();
    await frozen.running;
    pass(10_000);
    expect(world.share()).toBe(0);
    expect([world.side.source.written.weight, world.side.target.written.weight]).toEqual(['100', '0']);
    await until('rolledBack');
  });

  it('writes nothing of its first shift either, where the rollback itself had nothing to write', async () => {
    world = aWorld();
    const ice = freezeAtWrite(1);
    await startMigration(world.ports, aSpec({ steps: [aStep(50)] }), { run: 'run-1', actor: 'ada' });
    const frozen = await runUntil(ice);
    expect((await record()).state).toBe('progressing.shifting');
    pass(5 * minuteMs + 1_000);
    expect((await watchdog()).rolledBack).toMatchObject([{ end: 'restored' }]);
    ice.wake();
    await frozen.running;
    pass(10_000);
    expect(world.share()).toBe(0);
    expect([world.side.source.written.weight, world.side.target.written.weight]).toEqual(['100', '0']);
  });
});

describe('with the store gone', () => {
  it('notes since when, and after deadManAfter brings the traffic back from the kept baseline', async () => {
    loseStore();
    const first = await watchdog();
    expect(first.withoutStore).toMatchObject([{ name, end: 'waiting' }]);
    expect(world.mark.storeLostSinceMs).not.toBeNull();
    const runs = await watchdogFor(6);
    expect(runs.at(-1)?.withoutStore).toMatchObject([{ end: 'restored' }]);
    expect(runs.filter(({ withoutStore }) => withoutStore?.[0]?.end === 'waiting').length).toBeGreaterThanOrEqual(4);
    expect(world.share()).toBe(0);
    expect(world.side.source.fence).toBeGreaterThan(1_000);
  });

  it('writes nothing more once it is back, however long the store is gone', async () => {
    loseStore();
    await watchdogFor(7);
    const written = writes().length;
    const fence = world.side.source.fence;
    await watchdogFor(10);
    expect(writes()).toHaveLength(written);
    expect(world.side.source.fence).toBe(fence);
  });

  it('forgets it when the store answers again in time', async () => {
    const back = loseStore();
    await watchdogFor(3);
    back();
    await tick(10);
    await watchdog();
    expect(world.mark).toEqual(noMark);
    loseStore();
    const runs = await watchdogFor(4);
    expect(runs.map(({ withoutStore }) => withoutStore?.[0]?.end)).toEqual([
      'waiting',
      'waiting',
      'waiting',
      'waiting',
    ]);
    expect(world.share()).toBe(50);
  });

  it('goes on straight at the load balancer when its controller does nothing', async () => {
    world.controllerMs = 100_000_000;
    loseStore();
    await watchdogFor(8);
    expect(world.share()).toBe(0);
  });

  it('lets the record know when the store is back, so that the engine closes the rollback', async () => {
    const back = loseStore();
    await watchdogFor(7);
    expect(world.share()).toBe(0);
    back();
    // The engine is first, and finds that somebody changed the weights.
    expect(await tick(3)).toBe('held');
    await watchdog();
    expect(world.mark).toEqual(noMark);
    await until('rolledBack');
    expect(world.share()).toBe(0);
    const lines = await world.ports.store.history(name, 500);
    expect(lines.find(({ kind }) => kind === 'rollback.started')?.text).toContain('the store was lost');
  });

  it('lets a migration that has arrived keep its traffic', async () => {
    await send({ type: 'promote', all: true });
    await until('completed');
    await watchdog();
    expect(world.mark.isResting).toBe(true);
    loseStore();
    const runs = await watchdogFor(8);
    expect(runs.at(-1)?.withoutStore).toMatchObject([{ end: 'resting' }]);
    expect(world.share()).toBe(100);
  });

  it.each([
    ['still be undone', 60 * minuteMs],
    ['no longer be undone', 8 * minuteMs],
  ])('does not call arrived what was brought back and could %s: people are told', async (_, undoForMs) => {
    world = aWorld();
    await begin([aStep(50, { bakeMs: 3_600_000 }), aStep(100, { bakeMs: 1_000 })], { undoForMs });
    await send({ type: 'promote', all: true });
    await until('completed');
    // The store is lost before the watchdog has seen that it arrived, and back when the undo time is over.
    const back = loseStore();
    await watchdogFor(8);
    expect(world.share()).toBe(0);
    back();
    await tick(3);
    await watchdog();
    await until('rolledBack');
    expect(world.share()).toBe(0);
    expect(world.notices.find(({ kind }) => kind === 'rollback.started')?.reason).toMatch(/without the store|was lost/);
    expect(told()).not.toContain('closed');
  });

  it('leaves alone what went on with the store while it stood still', async () => {
    const back = loseStore();
    await watchdogFor(5);
    let wake = (): void => undefined;
    world.onCall = (call) =>
      call === 'router.read'
        ? new Promise<void>((resolve) => {
            wake = resolve;
          })
        : undefined;
    pass(minuteMs);
    const frozen = watchdog();
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    world.onCall = () => undefined;
    back();
    await tick(10);
    await watchdog();
    await send({ type: 'promote', all: true });
    await until('completed');
    wake();
    expect((await frozen).withoutStore).toMatchObject([{ name, end: 'waiting' }]);
    pass(10_000);
    expect(world.share()).toBe(100);
  });

  it('does not take a store for lost that answers again within seconds', async () => {
    const back = loseStore();
    const sleep = world.ports.clock.sleep;
    Object.assign(world.ports.clock, {
      sleep: (ms: number) => {
        back();
        return sleep(ms);
      },
    });
    expect((await watchdog()).withoutStore).toBeNull();
    expect(world.mark).toEqual(noMark);
  });

  it('says what it could not do when the clusters are gone as well', async () => {
    loseStore();
    failOn(/^kept/);
    const { withoutStore, problems } = await watchdog();
    expect(withoutStore).toEqual([]);
    expect(problems).toHaveLength(2);
  });
});

describe('where nothing is under way', () => {
  it('the clusters are not asked', async () => {
    await send({ type: 'abort', isForced: false });
    await until('rolledBack');
    await tick(20);
    expect(await watchdog()).toEqual({ rolledBack: [], withoutStore: null, problems: [] });
    expect(listed).toBe(0);
  });
});
