import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { ConflictError, NotAllowedError, TerminalError, TransientError } from '../../src/ports/errors.ts';
import { aProbe, aSpec, aStep } from '../fixtures/builders.ts';
import { view } from '../fixtures/passing.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
let world: World;

beforeEach(() => {
  world = aWorld();
});

async function start(spec: Partial<Spec> = {}, run = 'run-1') {
  return startMigration(world.ports, aSpec(spec), { run, actor: 'ada' });
}

/** Ticks, as the timer would, until the state is there. Healthy traffic is counted on both sides meanwhile. */
async function until(state: string, { errors = 0, step }: { errors?: number; step?: number } = {}): Promise<void> {
  for (let tick = 0; tick < 400; tick++) {
    const record = await world.ports.store.load(name);
    if (record?.state === state && (step === undefined || viewOf(record).step === step)) return;
    await world.count('source', 100, 0);
    await world.count('target', 100, errors);
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  throw new Error(`never came to ${state}, but is ${(await world.ports.store.load(name))?.state}`);
}

/** Ticks until the history has a line of this kind. */
async function untilNoted(kind: string): Promise<string> {
  for (let tick = 0; tick < 100; tick++) {
    const line = (await world.ports.store.history(name, 500)).find((one) => one.kind === kind);
    if (line !== undefined) return line.text;
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  throw new Error(`nothing was told of ${kind}`);
}

const told = () => world.notices.map(({ kind }) => kind);

describe('a migration', () => {
  it('goes through its steps to the end, each verified at the load balancer', async () => {
    await start({ notify: ['ops'] });
    const shares: number[] = [];
    for (const step of [1, 2, 3]) {
      await until('progressing.baking', { step });
      shares.push(Math.round(world.share()));
    }
    await until('completed');
    expect(shares).toEqual([10, 50, 100]);
    expect(await view(world)).toMatchObject({ state: 'completed', share: { asked: 100, achieved: 100 } });
    await advance(world.ports, name, world.nowMs + 5_000);
    expect(told()).toContain('completed');
  });

  it('keeps its way back before anything moves, and empties it at the end', async () => {
    await start();
    world.onCall = (call) => {
      if (call.startsWith('router.write target 1')) expect(world.kept).not.toBeNull();
    };
    await until('completed');
    await sendCommand(world.ports, name, { type: 'rollback', isForced: false }, 'ada');
    await until('rolledBack');
    await advance(world.ports, name, world.nowMs + 5_000);
    expect(world.kept).toBeNull();
    expect(world.share()).toBe(0);
  });

  it('is refused, with every finding, when the listener ignores weights and the target is raised already', async () => {
    world.listeners = world.listeners.map((listener) => ({ ...listener, scheduler: 'rr' }));
    world.drift('target', '10', 'kubectl');
    world.nowMs += 5_000;
    await start();
    await until('refused');
    const { reason } = await view(world);
    expect(reason).toContain('schedules by rr');
    expect(reason).toContain('must be "0"');
    expect(world.calls.filter((call) => call.startsWith('router.write'))).toEqual([]);
  });

  it('refuses a step that these backends cannot give', async () => {
    world.side.source.pods = 60;
    world.side.target.pods = 60;
    await start({ steps: [aStep(10), aStep(100)] });
    await until('refused');
    expect((await view(world)).reason).toContain('10 per cent cannot be reached');
  });

  it('rolls back when the target fails more requests than its margin', async () => {
    await start();
    await until('progressing.baking');
    await until('rolledBack', { errors: 50 });
    expect(world.share()).toBe(0);
    expect((await view(world)).reason).toContain('difference');
  });

  it('rolls back when a probe of the target fails as often as allowed, in a row', async () => {
    await start({ probes: [aProbe()] });
    await until('progressing.baking');
    world.probes.target = false;
    await until('rolledBack');
    expect((await view(world)).reason).toContain('failed 3 times in a row at the target');
  });

  it('is held, not rolled back, when both sides fail their probes', async () => {
    await start({ probes: [aProbe()] });
    await until('progressing.baking');
    world.probes = { source: false, target: false };
    await until('held');
    world.probes = { source: true, target: true };
    await until('progressing.baking');
  });

  it('is held without data, neither passed nor rolled back, and goes on when data comes', async () => {
    await start({ steps: [aStep(10), aStep(100)] });
    for (let tick = 0; tick < 200 && (await view(world)).state !== 'held'; tick++) {
      await advance(world.ports, name, world.nowMs + 5_000);
      world.nowMs += 2_500;
    }
    expect(await view(world)).toMatchObject({ state: 'held', share: { asked: 10 } });
    await until('completed');
  });

  it('is held on drift, says who, and goes on when the weight is as it was', async () => {
    await start();
    await until('progressing.baking');
    world.drift('target', '5', 'kubectl-edit');
    await until('held');
    expect((await view(world)).reason).toContain('kubectl-edit');
    expect(world.side.target.written.weight).toBe('5');
    await sendCommand(world.ports, name, { type: 'resume' }, 'ada');
    await until('progressing.baking');
    expect(Math.round(world.share())).toBe(10);
  });

  it('writes its weights again, once, when that is its policy, and holds when the same happens again', async () => {
    await start({ onDrift: 'restore' });
    await until('progressing.baking');
    world.drift('source', '20', 'kubectl-edit');
    await untilNoted('step.corrected');
    await until('progressing.baking');
    expect(Math.round(world.share())).toBe(10);
    world.drift('source', '20', 'kubectl-edit');
    await until('held');
  });

  it('rolls back on drift when that is its policy', async () => {
    await start({ onDrift: 'rollback' });
    await until('progressing.baking');
    world.drift('target', '30', 'argocd');
    await until('rolledBack');
    expect((await view(world)).reason).toContain('argocd');
  });

  it('pulls more share than asked back once, then holds until a person says go on', async () => {
    await start();
    await until('progressing.baking');
    world.drift('target', '90', 'kubectl-edit');
    await until('held');
    expect(Math.round(world.share())).toBe(10);
    expect((await view(world)).reason).toContain('kubectl-edit');
    await advance(world.ports, name, world.nowMs + 20_000);
    expect((await view(world)).state).toBe('held');
    await sendCommand(world.ports, name, { type: 'resume' }, 'ada');
    await until('progressing.baking');
  });

  it('pulls it back also while a person has paused it', async () => {
    await start();
    await until('progressing.baking');
    await sendCommand(world.ports, name, { type: 'pause' }, 'ada');
    world.drift('target', '90', 'kubectl-edit');
    await until('held');
    expect(Math.round(world.share())).toBe(10);
  });

  it('takes the target back to the baseline when it gets traffic before the first step', async () => {
    await start({ windows: [{ days: ['mon'], fromMinute: 0, toMinute: 1, zone: 'UTC' }] });
    await until('held');
    world.drift('target', '50', 'kubectl-edit');
    await until('rolledBack');
    expect(world.share()).toBe(0);
  });

  it('corrects its weights when backends come, and leaves them while the share is near enough', async () => {
    await start({ steps: [aStep(10, { bakeMs: 300_000 })] });
    await until('progressing.baking');
    const writes = () => world.calls.filter((call) => call.startsWith('router.write')).length;
    const before = writes();
    world.side.target.pods = 9;
    world.side.target.arrivesAtMs = world.nowMs;
    await advance(world.ports, name, world.nowMs + 10_000);
    expect(writes()).toBe(before);
    world.side.source.pods = 50;
    world.side.source.arrivesAtMs = world.nowMs;
    expect(await untilNoted('step.corrected')).toContain('backends came or went');
    await until('progressing.baking', { step: 1 });
    expect(Math.abs(world.share() - 10)).toBeLessThanOrEqual(2);
    expect(writes()).toBeGreaterThan(before);
  });

  it('is held when backends come that make its step unreachable', async () => {
    await start({ steps: [aStep(10, { bakeMs: 300_000 })] });
    await until('progressing.baking');
    for (const side of [world.side.source, world.side.target]) {
      side.pods = 60;
      side.arrivesAtMs = world.nowMs;
    }
    await until('held');
    expect((await view(world)).reason).toContain('cannot be reached any more');
  });

  it('is held when somebody makes a listener ignore weights', async () => {
    await start();
    await until('progressing.baking');
    world.listeners = world.listeners.map((listener) => ({ ...listener, scheduler: 'rr' }));
    await until('held');
    expect((await view(world)).reason).toContain('schedules by rr');
  });

  it('is held when somebody pins the clients of a listener to their backends', async () => {
    await start();
    await until('progressing.baking');
    world.listeners = world.listeners.map((listener) => ({ ...listener, isSticky: true }));
    await until('held');
    expect((await view(world)).reason).toContain('has session stickiness');
  });

  it("waits at a gate for a person, and takes only this gate's id", async () => {
    await start({ steps: [aStep(10, { gate: { expiresInMs: 600_000, onExpiry: 'rollback' } }), aStep(100)] });
    await until('progressing.gated');
    const { gate } = await view(world);
    await expect(sendCommand(world.ports, name, { type: 'approve', gate: 'another' }, 'ada')).rejects.toThrow(gate?.id);
    await sendCommand(world.ports, name, { type: 'approve', gate: gate?.id ?? null }, 'ada');
    await until('completed');
  });

  it("takes only this gate's id after it has expired, too", async () => {
    await start({ steps: [aStep(10, { gate: { expiresInMs: 60_000, onExpiry: 'hold' } }), aStep(100)] });
    await until('held');
    await expect(sendCommand(world.ports, name, { type: 'approve', gate: 'another' }, 'ada')).rejects.toThrow(
      'run-1-1',
    );
    await sendCommand(world.ports, name, { type: 'approve', gate: 'run-1-1' }, 'ada');
    await until('completed');
  });

  it('rolls back when its gate expires, and also when errors come while it is open', async () => {
    const gated = { steps: [aStep(10, { gate: { expiresInMs: 60_000, onExpiry: 'rollback' as const } }), aStep(100)] };
    await start(gated);
    await until('progressing.gated');
    await until('rolledBack');
    expect((await view(world)).reason).toBe('the gate expired');
    await start(gated, 'run-2');
    await until('progressing.gated');
    await until('rolledBack', { errors: 90 });
    expect((await view(world)).reason).toContain('difference');
  });

  it('passes its deadline only by moving: a pause does not use it up', async () => {
    await start({ deadlineMs: 120_000, steps: [aStep(10, { bakeMs: 80_000 }), aStep(100, { bakeMs: 80_000 })] });
    await until('progressing.baking');
    await sendCommand(world.ports, name, { type: 'pause' }, 'ada');
    world.nowMs += 600_000;
    await sendCommand(world.ports, name, { type: 'resume' }, 'ada');
    await until('progressing.baking');
    await until('rolledBack');
    expect((await view(world)).reason).toBe('the deadline passed');
  });

  it('waits for its window, and a person may go past it', async () => {
    const day = { days: ['mon' as const], fromMinute: 0, toMinute: 1, zone: 'UTC' };
    await start({ windows: [day] });
    await until('held');
    expect((await view(world)).reason).toBe('outside its window');
    await expect(sendCommand(world.ports, name, { type: 'resume' }, 'ada')).rejects.toThrow(NotAllowedError);
    await sendCommand(world.ports, name, { type: 'promote', all: false }, 'ada');
    await until('progressing.baking');
  });

  it('comes back by itself when it is a canary', async () => {
    await start({ finish: 'return', steps: [aStep(10)] });
    await until('rolledBack');
    expect((await view(world)).reason).toBe('the canary is over');
    expect(world.share()).toBe(0);
  });

  it('is promoted past all bakes by a person', async () => {
    await start({ steps: [aStep(10), aStep(50), aStep(100)] });
    await until('progressing.baking');
    await sendCommand(world.ports, name, { type: 'promote', all: true }, 'ada');
    await until('completed');
    expect(world.share()).toBe(100);
  });

  it('is stuck when its rollback is not verified, keeps trying, and ends when it is', async () => {
    await start({ notify: ['ops'] });
    await until('progressing.baking');
    world.controllerMs = 10_000_000;
    world.onCall = (call) => {
      if (call === 'loadBalancer.setWeights') throw new TransientError('503 from the CLB');
    };
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until('stuck');
    world.controllerMs = 0;
    for (const side of ['source', 'target'] as const) world.side[side].arrivesAtMs = world.nowMs;
    await until('rolledBack');
    await advance(world.ports, name, world.nowMs + 5_000);
    expect(told()).toContain('stuck');
  });

  it('closes by itself when the time to undo is over', async () => {
    await start({ undoForMs: 30_000 });
    await until('completed');
    await until('closed');
    await expect(sendCommand(world.ports, name, { type: 'rollback', isForced: false }, 'ada')).rejects.toThrow(
      'possible in',
    );
  });
});

describe('two migrations', () => {
  it('never share a load balancer group: the second is told who holds it', async () => {
    await start();
    const second = startMigration(world.ports, aSpec({ name: 'other' }), { run: 'run-2', actor: 'bob' });
    await expect(second).rejects.toThrow(ConflictError);
    await expect(startMigration(world.ports, aSpec({ name: 'other' }), { run: 'run-2', actor: 'bob' })).rejects.toThrow(
      name,
    );
  });
  it('may follow each other under one name, with a fence above all before', async () => {
    await start();
    await until('progressing.baking');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until('rolledBack');
    await advance(world.ports, name, world.nowMs + 5_000);
    const before = Math.max(world.side.source.fence ?? 0, world.side.target.fence ?? 0);
    const second = await start({}, 'run-2');
    expect(second.revision).toBeGreaterThan(before);
    await until('completed');
  });
});

describe('what goes wrong at a port', () => {
  it('is tried again when it may pass', async () => {
    let failures = 0;
    await start();
    world.onCall = (call) => {
      if (call.startsWith('router.') && failures++ % 5 === 0) throw new TransientError('503 from the API server');
    };
    await until('completed');
    expect(world.share()).toBe(100);
  });
  it('rolls a shift back when it is for good', async () => {
    await start();
    await until('progressing.baking');
    world.onCall = (call) => {
      if (call.startsWith('router.write target 1')) throw new TerminalError('forbidden: patch istiogateways');
    };
    await until('rolledBack');
    expect((await view(world)).reason).toContain('forbidden');
  });
  it('never holds up a migration when it is only the chat', async () => {
    world.onCall = (call) => {
      if (call.startsWith('notifier.post')) throw new TransientError('chat is down');
    };
    await start({ notify: ['ops'] });
    await until('completed');
    expect(world.notices).toEqual([]);
  });
  it('keeps its record small while the chat is down for hours, and the urgent notices in it', async () => {
    world.onCall = (call) => {
      if (call.startsWith('notifier.post')) throw new TransientError('chat is down');
    };
    await start({ notify: ['ops'] });
    await until('progressing.baking');
    for (let change = 0; change < 100; change++) {
      await sendCommand(world.ports, name, { type: 'pause' }, 'ada');
      await sendCommand(world.ports, name, { type: 'resume' }, 'ada');
    }
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    const waiting =
      (await world.ports.store.load(name))?.outbox.filter(({ effect }) => effect.type === 'deliver') ?? [];
    expect(waiting.length).toBeLessThanOrEqual(60);
    const kinds = waiting.map(({ effect }) => (effect.params['notice'] as { readonly kind: string }).kind);
    expect(kinds).toContain('rollback.started');
  });
  it('holds a shift that meets a newer fence than its record ever had', async () => {
    await start();
    await until('progressing.baking');
    world.side.target.fence = 100_000;
    await until('held');
    expect((await view(world)).reason).toContain('fence');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    await until('rolledBack');
    expect(world.share()).toBe(0);
  });
});

describe('a crash in the middle of any call', () => {
  const quick: Partial<Spec> = {
    steps: [aStep(10, { bakeMs: 0 }), aStep(100, { bakeMs: 0 })],
    probes: [aProbe({ everyMs: 20_000 })],
  };
  /** Five seconds: what the judge needs of them is counted by both sides. */
  async function tick(): Promise<void> {
    const samples = (['source', 'target'] as const).map((side) => {
      return { side, instance: `${side}-1`, fromMs: world.nowMs - 5_000, ms: 5_000, requests: 2_000, errors: 0 };
    });
    await world.ports.signals.record(name, samples);
    await advance(world.ports, name, world.nowMs + 4_000);
    world.nowMs = Math.ceil((world.nowMs + 1) / 5_000) * 5_000;
  }
  async function toTheEnd(): Promise<void> {
    for (let ticks = 0; ticks < 60; ticks++) {
      if ((await world.ports.store.load(name))?.state === 'completed') return;
      await tick();
    }
    throw new Error(`never completed, but is ${(await world.ports.store.load(name))?.state}`);
  }
  it('leads to the same end', async () => {
    await start(quick);
    await toTheEnd();
    const calls = world.calls.length;
    expect(calls).toBeGreaterThan(30);
    for (let crashAt = 0; crashAt < calls; crashAt++) {
      world = aWorld();
      await start(quick);
      let call = 0;
      // An instance that dies is a promise that never settles: nothing after it runs.
      world.onCall = () => (call++ === crashAt ? new Promise(() => undefined) : undefined);
      // The last calls are those of the end itself: nothing is left to crash in then.
      for (let ticks = 0; call <= crashAt && ticks < 30; ticks++) await Promise.race([tick(), settled()]);
      await toTheEnd();
      expect(world.share()).toBe(100);
    }
  });
});

/** Long enough for everything that can run in virtual time to have run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) await Promise.resolve();
}
