import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { dryRun } from '../../src/engine/plan.ts';
import { rehearsalOf } from '../../src/engine/rehearse.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { InvalidInputError, TerminalError, TransientError } from '../../src/ports/errors.ts';
import { aSpec, aSubsetRoute } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
let world: World;

beforeEach(() => {
  world = aWorld();
});

async function rehearse(more: Partial<Spec> = {}) {
  const spec = await rehearsalOf(world.ports, aSpec({ notify: ['ops'], ...more }));
  return startMigration(world.ports, spec, { run: 'run-1', actor: 'ada', isRehearsal: true });
}

async function until(state: string) {
  for (let tick = 0; tick < 200; tick++) {
    const record = await world.ports.store.load(name);
    if (record?.state === state) return viewOf(record);
    await advance(world.ports, name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  throw new Error(`never came to ${state}, but is ${(await world.ports.store.load(name))?.state}`);
}

/** The share at the CLB after each call of a port. */
function watchShares(): number[] {
  const shares: number[] = [];
  world.onCall = () => void shares.push(world.share());
  return shares;
}

describe('a rehearsal', () => {
  it('moves nothing, then the smallest share there is, and brings the baseline back', async () => {
    const shares = watchShares();
    await rehearse();
    const view = await until('rolledBack');
    expect(world.share()).toBe(0);
    expect(world.side.source.written.weight).toBe('100');
    // One of 100 on each of three backends.
    expect(Math.max(...shares)).toBeLessThan(3.1);
    expect(view).toMatchObject({ state: 'rolledBack', isFinal: true, reason: 'the rehearsal is over' });
  });

  it('measures shifts, the rollback and break glass, from the first write until the CLB has it', async () => {
    await rehearse();
    const { rehearsal } = await until('rolledBack');
    expect(rehearsal?.measured.map(({ what, writes }) => [what, writes])).toEqual([
      ['shift', 1],
      ['shift', 2],
      ['rollback', null],
      ['glass', null],
    ]);
    expect(rehearsal?.glass?.problem).toBeNull();
    // The controllers of this world need two seconds for a write, and a look is taken each second.
    expect(rehearsal?.writeMs).toBeGreaterThanOrEqual(2_000);
    expect(rehearsal?.writeMs).toBeLessThan(4_000);
  });

  it('tries no more break glass once it is told to go back', async () => {
    // The command stayed and set weights against the rollback, for ever: found by the simulator.
    world.onCall = (call) => {
      if (call === 'loadBalancer.setWeights') throw new TransientError('the load balancer is busy');
    };
    await rehearse();
    await until('tryingGlass');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    const record = await world.ports.store.load(name);
    expect(record?.state).toBe('rollingBack');
    const driving = record?.outbox.map(({ effect }) => effect.type).filter((type) => type !== 'deliver');
    expect(driving).toEqual(['restore']);
  });

  it('ends with the baseline back, also where somebody changes it while break glass is tried', async () => {
    // It ended rolledBack with a fifth of the traffic at the target: seed 5839 of the simulator.
    let sets = 0;
    world.onCall = (call) => {
      if (call !== 'loadBalancer.setWeights') return;
      sets += 1;
      if (sets === 2) world.drift('target', '100', 'gitops');
    };
    await rehearse();
    const { reason } = await until('rolledBack');
    expect(world.share()).toBe(0);
    expect(world.side.target.written.weight).toBe('0');
    expect(reason).toMatch(/afterwards .* is not as it was: target weight is "100", not "0", last written by gitops/);
  });

  it('tries break glass without moving anything, and undoes it', async () => {
    await rehearse();
    let sharesThen: number[] | null = null;
    world.onCall = (call) => {
      if (call !== 'loadBalancer.setWeights') return;
      sharesThen ??= watchShares();
    };
    await until('rolledBack');
    expect(Math.max(...(sharesThen ?? [Number.NaN]))).toBe(0);
    expect(world.side.source.atClb).toEqual([33, 33, 33]);
  });

  it('says why break glass would not have worked, with the baseline back all the same', async () => {
    await rehearse();
    world.onCall = (call) => {
      if (call === 'loadBalancer.setWeights') throw new TerminalError('Forbidden.RAM: SetVServerGroupAttribute');
    };
    const view = await until('rolledBack');
    expect(view.rehearsal?.glass).toEqual({ ms: null, problem: 'Forbidden.RAM: SetVServerGroupAttribute' });
    expect(view.reason).toBe('break glass did not work: Forbidden.RAM: SetVServerGroupAttribute');
    expect(world.share()).toBe(0);
  });

  it('does not wait for ever for break glass', async () => {
    await rehearse();
    world.onCall = (call) => {
      if (call === 'loadBalancer.setWeights') throw new TransientError('Throttling');
    };
    const view = await until('rolledBack');
    expect(view.rehearsal?.glass?.problem).toBe('it was not done in time');
  });

  it('that is aborted only goes back', async () => {
    await rehearse();
    await until('progressing.shifting');
    await sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
    const view = await until('rolledBack');
    expect(view.rehearsal?.glass).toBeNull();
    expect(world.calls).not.toContain('loadBalancer.setWeights');
  });

  it('pages nobody', async () => {
    await rehearse();
    await until('rolledBack');
    await advance(world.ports, name, world.nowMs + 5_000);
    expect(world.notices.map(({ kind }) => kind)).toContain('rolledback');
    expect(world.notices.filter(({ severity }) => severity === 'critical')).toEqual([]);
  });

  it('gives the plans that follow their times', async () => {
    const before = await dryRun(world.ports, aSpec());
    expect(before.plan.writeMs).toBeNull();
    await rehearse();
    const { rehearsal } = await until('rolledBack');
    const { plan } = await dryRun(world.ports, aSpec());
    expect(plan.writeMs).toBe(rehearsal?.writeMs);
    const end = (one: typeof plan) =>
      Date.parse(one.routes[0]?.ports[0]?.steps[0]?.earliestEnd ?? '') - Date.parse(one.plannedAt);
    expect(end(plan)).toBe(end(before.plan) + 2 * (plan.writeMs ?? 0));
  });

  it('is forgotten by no run that follows', async () => {
    await rehearse();
    const { rehearsal } = await until('rolledBack');
    await advance(world.ports, name, world.nowMs + 5_000);
    await startMigration(world.ports, aSpec(), { run: 'run-2', actor: 'ada' });
    expect((await dryRun(world.ports, aSpec())).plan.writeMs).toBe(rehearsal?.writeMs);
  });

  it('is refused for subsets of a host, whose weights take effect at once', async () => {
    const spec = aSpec({ routes: [], subsets: [aSubsetRoute()] });
    await expect(rehearsalOf(world.ports, spec)).rejects.toThrow(InvalidInputError);
  });
});
