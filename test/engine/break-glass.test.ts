import { beforeEach, describe, expect, it } from 'vitest';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
let world: World;

beforeEach(async () => {
  world = aWorld();
  const spec = aSpec({ steps: [aStep(50, { bakeMs: 3_600_000 })], notify: ['ops'] });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
  await until('progressing.baking');
});

async function tick(seconds: number): Promise<string> {
  const endMs = world.nowMs + seconds * 1_000;
  while (world.nowMs < endMs) {
    await advance(world.ports, name, world.nowMs + 3_000);
    world.nowMs += 500;
  }
  return (await world.ports.store.load(name))?.state ?? '';
}

async function until(state: string): Promise<void> {
  for (let round = 0; round < 1_000; round++) if ((await tick(1)) === state) return;
  throw new Error(`never came to ${state}`);
}

const abort = () => sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');
const told = () => world.notices.map(({ kind }) => kind);
const glass = () => world.calls.filter((call) => call === 'loadBalancer.setWeights').length;

describe('a rollback that is not verified in time', () => {
  it('leaves the load balancer to its controllers while they may still do it', async () => {
    world.controllerMs = 40_000;
    await abort();
    await until('rolledBack');
    expect(glass()).toBe(0);
  });

  it('sets the weights straight at the load balancer when the cloud controller does nothing, and says so once', async () => {
    world.controllerMs = 100_000_000;
    await abort();
    await tick(55);
    expect(glass()).toBe(0);
    await tick(30);
    expect(world.share()).toBe(0);
    expect(told().filter((kind) => kind === 'rollback.brokeGlass')).toHaveLength(1);
  });

  it('does so with the Kubernetes API down, sets them again when something puts them back, and is done when all agrees', async () => {
    world.onCall = (call) => {
      if (call.startsWith('router.')) throw new TransientError('the API server does not answer');
    };
    await abort();
    expect(await tick(90)).toBe('rollingBack');
    expect(world.share()).toBe(0);
    world.side.target.atClb = [33, 33, 33];
    expect(await tick(10)).toBe('rollingBack');
    expect(world.share()).toBe(0);
    world.onCall = () => undefined;
    await until('rolledBack');
    expect(world.side.target.written.weight).toBe('0');
  });

  it('goes on setting them when the rollback gets stuck: its time does not begin anew', async () => {
    world.onCall = (call) => {
      if (call.startsWith('router.')) throw new TransientError('the API server does not answer');
    };
    await abort();
    await until('stuck');
    world.side.target.atClb = [33, 33, 33];
    expect(await tick(15)).toBe('stuck');
    expect(world.share()).toBe(0);
  });

  it('never onto a source that is not there: it waits and people are told', async () => {
    world.side.source.pods = 0;
    world.side.source.atClb = [];
    world.controllerMs = 100_000_000;
    await abort();
    await tick(120);
    expect(world.share()).toBe(100);
    expect(told()).toContain('rollback.blocked');
  });

  it('writes to one load balancer one at a time', async () => {
    world.controllerMs = 100_000_000;
    await world.ports.store.lease('clb lb-public', 'somebody else', 3_000_000);
    await abort();
    await tick(90);
    expect(glass()).toBe(0);
    await world.ports.store.endLease('clb lb-public', 'somebody else');
    await tick(10);
    expect(world.share()).toBe(0);
  });
});
