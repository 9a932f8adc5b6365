import { afterEach, describe, expect, it } from 'vitest';
import { sandboxClock } from '../../../src/sandbox/clock.ts';
import { controllerBackoffMs, heldUp, WorkQueue } from '../../../src/sandbox/controllers/work-queue.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

const clock = sandboxClock(1000);
const queues: WorkQueue[] = [];

function queueOf(
  work: (key: string) => Promise<void>,
  workers = 3,
  log: (line: string) => void = () => undefined,
): WorkQueue {
  const queue = new WorkQueue({ workers, clock, backoffMs: controllerBackoffMs, work, log });
  queues.push(queue);
  return queue;
}

async function drained(queue: WorkQueue): Promise<void> {
  while (!queue.isEmpty()) await queue.nextEnd();
}

afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.stop();
});

describe('the work queue of a controller', () => {
  it('waits 5 s after the first failure and doubles up to 300 s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 100].map(controllerBackoffMs)).toEqual([
      5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000,
    ]);
  });

  it('never works on one key twice at once, and runs once more for what came meanwhile', async () => {
    const open: (() => void)[] = [];
    let most = 0;
    let running = 0;
    let runs = 0;
    const queue = queueOf(async () => {
      runs += 1;
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => void open.push(resolve));
      running -= 1;
    });
    queue.add('a');
    await Promise.resolve();
    for (let time = 0; time < 5; time += 1) queue.add('a');
    await until(() => open.length === 1);
    open[0]?.();
    await until(() => open.length === 2);
    open[1]?.();
    await drained(queue);
    expect({ runs, most }).toEqual({ runs: 2, most: 1 });
  });

  it('works on as many keys at once as it has workers', async () => {
    const open: (() => void)[] = [];
    const queue = queueOf(() => new Promise<void>((resolve) => void open.push(resolve)));
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await until(() => open.length === 3);
    for (const release of open) release();
    await until(() => open.length === 4);
    open[3]?.();
    await drained(queue);
    expect(open).toHaveLength(4);
  });

  it('comes back to a key that failed, and forgets the failures when it succeeded', async () => {
    const lines: string[] = [];
    let runs = 0;
    const queue = queueOf(
      async () => {
        runs += 1;
        if (runs === 1 || runs === 2 || runs === 4) throw new Error(`run ${runs}`);
      },
      1,
      (line) => lines.push(line),
    );
    queue.add('a');
    await drained(queue);
    queue.add('a');
    await drained(queue);
    expect(lines).toEqual(['a: run 1; again in 5 s', 'a: run 2; again in 10 s', 'a: run 4; again in 5 s']);
  });

  it('does not make a change wait for the retry of an earlier failure', async () => {
    let runs = 0;
    const slow = new WorkQueue({
      workers: 1,
      clock: sandboxClock(1),
      backoffMs: controllerBackoffMs,
      log: () => undefined,
      work: async () => {
        runs += 1;
        if (runs === 1) throw new Error('first');
      },
    });
    queues.push(slow);
    slow.add('a');
    await slow.nextEnd();
    expect(slow.isEmpty()).toBe(false);
    slow.add('a');
    await drained(slow);
    expect(runs).toBe(2);
  });
});

describe('a stall', () => {
  it('without a time holds the controller until it is deleted', async () => {
    const faults = new Faults(seededRandom(1), () => clock.now());
    faults.put([{ where: 'controller', kind: 'stall' }]);
    let isOver = false;
    const held = heldUp(faults, 'controller', clock, new AbortController().signal).then(() => {
      isOver = true;
    });
    await clock.sleep(10_000);
    expect(isOver).toBe(false);
    faults.clear();
    await held;
    expect(isOver).toBe(true);
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000 && !isTrue(); turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(isTrue()).toBe(true);
}
