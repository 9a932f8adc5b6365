import { beforeEach, describe, expect, it } from 'vitest';
import { markFor } from '../../src/domain/hints.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld, failure, type World } from '../fixtures/world.ts';

const name = 'shop-ingress';
const never = 100_000_000;
let world: World;

beforeEach(() => {
  world = aWorld();
});

/** A migration with one step to 50 per cent, about to write its first weight. */
async function begin(): Promise<void> {
  const spec = aSpec({ steps: [aStep(50, { bakeMs: 3_600_000 })], notify: ['ops'] });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
  await until('progressing.shifting');
  // What the controller makes of the fence on the source is not what these tests are about.
  world.side.source.arrivesAtMs = Number.POSITIVE_INFINITY;
}

async function pass(seconds: number): Promise<string> {
  const endMs = world.nowMs + seconds * 1_000;
  while (world.nowMs < endMs) {
    await advance(world.ports, name, world.nowMs + 1_000);
    world.nowMs += 500;
  }
  return (await record()).state;
}

/** @returns seconds that it took */
async function until(state: string): Promise<number> {
  const beganMs = world.nowMs;
  for (let round = 0; round < 600; round++) if ((await pass(1)) === state) return (world.nowMs - beganMs) / 1_000;
  throw new Error(`never came to ${state}, but is ${(await record()).state}`);
}

async function record() {
  const stored = await world.ports.store.load(name);
  if (stored === null) throw new Error('no record');
  return stored;
}

const waitingFor = async () => viewOf(await record()).waitingFor ?? '';
const reason = async () => viewOf(await record()).reason ?? '';
const nudges = () => world.calls.filter((call) => call.startsWith('router.nudge'));
const abort = () => sendCommand(world.ports, name, { type: 'abort', isForced: false }, 'ada');

describe('a shift that waits', () => {
  it('says that the controller has not processed the Service, and nudges it once', async () => {
    world.controllerMs = never;
    await begin();
    await pass(10);
    expect(await waitingFor()).toContain('the cloud controller has not processed Service istio-system/');
    expect(nudges()).toEqual([]);
    await pass(60);
    expect(nudges()).toEqual(['router.nudge target']);
    expect(await waitingFor()).toMatch(/not processed .* \(nudged\)$/);
  });

  it('goes on when the nudge wakes the controller up', async () => {
    world.controllerMs = never;
    await begin();
    await pass(10);
    world.controllerMs = 2_000;
    await until('progressing.baking');
    expect(nudges()).toEqual(['router.nudge target']);
    expect(Math.round(world.share())).toBe(50);
  });

  it('nudges once also where whoever did it never learnt of it', async () => {
    world.controllerMs = never;
    const { router } = world.ports;
    const losing = async (...args: Parameters<typeof router.nudge>): Promise<void> => {
      await router.nudge(...args);
      throw new TransientError('the answer was lost');
    };
    world.ports = { ...world.ports, router: { ...router, nudge: losing } };
    await begin();
    await pass(60);
    expect(nudges()).toEqual(['router.nudge target']);
  });

  it('is not verified by a hash that changed', async () => {
    await begin();
    world.mood = 'leavesAsIs';
    await pass(3);
    expect(await waitingFor()).toMatch(/has processed Service .* \(its hash changed\), and the CLB still differs/);
  });
});

describe('a controller that fails', () => {
  it('for a while is no failure of the shift: it goes on', async () => {
    await begin();
    world.mood = 'fails';
    await pass(12);
    expect(await waitingFor()).toContain(`fails for Service istio-system/istio-ingressgateway-asm and tries again`);
    world.mood = 'works';
    await until('progressing.baking');
    expect(nudges()).toEqual([]);
  });

  it("beyond its second try fails the shift, with the controller's own words", async () => {
    await begin();
    world.mood = 'fails';
    const seconds = await until('rollingBack');
    expect(seconds).toBeGreaterThanOrEqual(20);
    expect(seconds).toBeLessThan(40);
    expect(await reason()).toContain(failure);
  });

  it('first after a long silence gets its retries all the same', async () => {
    world.controllerMs = 24_000;
    await begin();
    world.mood = 'fails';
    await pass(30);
    expect(await waitingFor()).toContain('and tries again');
    world.mood = 'works';
    await until('progressing.baking');
  });

  it('is not blamed for a warning of before our write', async () => {
    const atMs = world.nowMs - 3_600_000;
    world.side.target.warning = { reason: 'SyncLoadBalancerFailed', message: failure, atMs, firstAtMs: atMs };
    world.controllerMs = 29_000;
    await begin();
    await pass(25);
    expect(await waitingFor()).toContain('has not processed');
    await until('progressing.baking');
  });

  it('with the same words as before our write is still found out', async () => {
    const atMs = world.nowMs - 3_600_000;
    world.side.target.warning = { reason: 'SyncLoadBalancerFailed', message: failure, atMs, firstAtMs: atMs };
    await begin();
    world.mood = 'fails';
    expect(await until('rollingBack')).toBeLessThan(60);
    expect(await reason()).toContain(failure);
  });
});

describe('a controller that reports success and does something else', () => {
  it.each([
    ['takesOut', /group rsp-pub-80 has no backend of istio-ingressgateway-asm/],
    ['leavesAsIs', /backend 10\.0\.2\.1:8080 in rsp-pub-80 has weight 0, not \d+/],
  ] as const)('is nudged once and then not believed: it %s', async (mood, symptom) => {
    await begin();
    world.mood = mood;
    const seconds = await until('rollingBack');
    expect(seconds).toBeLessThan(60);
    expect(nudges()).toEqual(['router.nudge target']);
    expect(await reason()).toContain('reports success for Service istio-system/istio-ingressgateway-asm');
    expect(await reason()).toMatch(symptom);
  });

  it('may make it good when it is nudged', async () => {
    await begin();
    world.mood = 'takesOut';
    await pass(4);
    world.mood = 'works';
    await until('progressing.baking');
    expect(nudges()).toEqual(['router.nudge target']);
  });

  it('is found out also when it does not answer the nudge', async () => {
    await begin();
    world.mood = 'leavesAsIs';
    await pass(4);
    world.controllerMs = never;
    expect(await until('rollingBack')).toBeLessThan(150);
    expect(await reason()).toContain('reports success');
  });

  it('is not accused for a reconcile that had begun before our write', async () => {
    await begin();
    world.controllerMs = never;
    world.mood = 'leavesAsIs';
    await pass(4);
    // Its hash label changed after our write, and is of the Service as it was before: the rest takes its time.
    world.mood = 'works';
    expect(await pass(50)).toBe('progressing.shifting');
    expect(nudges()).toEqual(['router.nudge target']);
    world.side.target.arrivesAtMs = world.nowMs;
    await until('progressing.baking');
  });

  it('is not accused while the load balancer cannot be read', async () => {
    await begin();
    world.mood = 'leavesAsIs';
    world.onCall = (call) => {
      if (call === 'loadBalancer.describeGroups') throw new TransientError('throttled');
    };
    expect(await pass(120)).toBe('progressing.shifting');
    expect(nudges()).toEqual([]);
  });

  it('is not accused while pods come and go', async () => {
    await begin();
    world.mood = 'leavesAsIs';
    world.side.target.pods = 4;
    expect(await pass(60)).toBe('progressing.shifting');
    expect(nudges()).toEqual([]);
    world.mood = 'works';
    world.side.target.arrivesAtMs = world.nowMs;
    await until('progressing.baking');
  });

  it('is accused in the end, although pods come and go for ever', async () => {
    await begin();
    world.mood = 'leavesAsIs';
    world.side.target.pods = 4;
    const seconds = await until('rollingBack');
    expect(seconds).toBeLessThan(200);
    expect(await reason()).toContain('reports success');
  });

  it('is looked at twice: a look may have read the load balancer before, and the hash after', async () => {
    world.controllerMs = never;
    await begin();
    await pass(8);
    let isDone = false;
    world.onCall = async (call) => {
      if (call !== 'router.read' || isDone) return;
      isDone = true;
      // The load balancer has answered; now the controller does its work, and then the API server answers.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      world.side.target.arrivesAtMs = world.nowMs;
    };
    await until('progressing.baking');
    expect(nudges()).toEqual([]);
  });
});

describe('a rollback', () => {
  beforeEach(async () => {
    await begin();
    await until('progressing.baking');
  });

  it('nudges a silent controller once on each side, and goes on to break glass', async () => {
    world.controllerMs = never;
    await abort();
    await pass(55);
    expect(nudges()).toEqual(['router.nudge target']);
    await pass(30);
    expect(world.share()).toBe(0);
    expect(nudges().filter((call) => call === 'router.nudge target')).toHaveLength(1);
  });

  it('takes a failing controller for no failure: its words are in the note, and one nudge makes it try sooner', async () => {
    world.mood = 'fails';
    await abort();
    await pass(15);
    expect(await waitingFor()).toContain(failure);
    await pass(30);
    expect((await record()).state).toBe('rollingBack');
    expect(nudges()).toEqual(['router.nudge target']);
    world.mood = 'works';
    await until('rolledBack');
  });
});

describe('the mark of a write', () => {
  it('knows only the Services that could be read', async () => {
    const { target } = await world.ports.router.read({} as never);
    const [service] = target.services;
    if (service === undefined) throw new Error('one Service');
    const unread = { ...service, clusterId: 'c2', annotations: null };
    expect(markFor({ ...target, services: [service, unread] }, 7)).toEqual({
      atMs: 7,
      before: { c1: { hash: 'hash-0', warnedAtMs: null } },
      nudge: null,
    });
  });
});
