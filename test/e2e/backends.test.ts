import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { countsByKind } from '../fixtures/running-serve.ts';

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-backends-'));
  const backends = ['--source-backends', '5', '--target-backends', '5'];
  sandbox = await startSandbox('--speed', '10', '--seed', '22', '--rate', '100', ...backends);
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const five = (weight: number): readonly number[] => Array.from({ length: 5 }, () => weight);
const source = (group = 'rsp-pub-80') => sandbox.weights(group, sourceService);
const target = (group = 'rsp-pub-80') => sandbox.weights(group, targetService);
const setBackends = (side: 'source' | 'target', backends: number) =>
  sandbox.control('PUT', `/gateways/${side}`, { backends });
const counts = async (name: string) => countsByKind(await operator.history(name));
const written = async () => [await operator.sourceWeight(), await operator.targetWeight()];

/** A share that lasts until something happens. */
async function stayAt(share: number, name: string, ...spec: readonly string[]): Promise<void> {
  await operator.start(name, `steps: [{ share: ${share}, bake: 12h }]`, 'deadline: 20h', 'notify: [ops]', ...spec);
  await operator.isIn(name, 'progressing.baking');
}

describe('backends that come or go in mid-bake', () => {
  const name = 'tolerant';

  it('change nothing that is written while the share stays within the tolerance', async () => {
    await stayAt(50, name);
    const before = await written();
    await setBackends('target', 7);
    // 14 on each of seven instead of 20 on each of five.
    await until(async () => (await operator.get(name)).share.achieved === (100 * 98) / 198);
    expect(await target()).toEqual(Array.from({ length: 7 }, () => 14));
    await until(async () => (await operator.get(name)).differences === null);
    expect((await operator.get(name)).state).toBe('progressing.baking');
    expect(await written()).toEqual(before);
    expect(await counts(name)).toEqual({ command: 1, started: 1, 'step.verified': 1 });
  }, 60_000);

  it('have the weights corrected beyond it, with a line in the history that says why', async () => {
    await setBackends('target', 15);
    await until(async () => (await counts(name))['step.corrected'] === 1, 40_000);
    await operator.isIn(name, 'progressing.baking');
    // 6 on each of fifteen are 90, and so many the source gets.
    for (const group of ['rsp-pub-80', 'rsp-pub-443']) {
      expect(await source(group)).toEqual(five(18));
      expect(await target(group)).toEqual(Array.from({ length: 15 }, () => 6));
    }
    expect((await operator.get(name)).share).toMatchObject({ asked: 50, achieved: 50 });
    const line = (await operator.history(name)).find(({ kind }) => kind === 'step.corrected');
    expect(line?.text).toContain('backends came or went: port 80 of lb-public gives 47.4 per cent, not 50');
    await operator.send(name, 'abort');
    await operator.isIn(name, 'rolledBack');
    await setBackends('target', 5);
  }, 90_000);

  it('hold the migration when its share cannot be reached any more, and resume goes on when they are gone', async () => {
    const name = 'unreachable';
    await stayAt(10, name);
    await setBackends('target', 15);
    const held = await operator.isIn(name, 'held');
    expect(held.reason).toBe('lb-public: 10 per cent cannot be reached any more, the nearest is 13.0 / 13.0');
    await until(async () => (await operator.chat(name)).some((text) => text.includes('the nearest is 13.0')));
    await setBackends('target', 5);
    await until(async () => (await target()).length === 5);
    await operator.send(name, 'resume');
    await operator.isIn(name, 'progressing.baking');
    expect(Math.abs(((await operator.get(name)).share.achieved ?? 0) - 10)).toBeLessThan(2);
    await operator.send(name, 'abort');
    await operator.isIn(name, 'rolledBack');
    expect([await source(), await target()]).toEqual([five(20), five(0)]);
  }, 90_000);
});

describe('a rollback onto a source that has shrunk', () => {
  afterEach(async () => {
    await setBackends('source', 5);
    await sandbox.control('PUT', '/gateways/target', { errorRate: 0 });
  });

  /** The source has its weight back and the target still has its own: nobody floods one backend with the work of five. */
  const isWaiting = async (name: string): Promise<void> => {
    const words = 'the source has 1 ready backends of 5 and could be flooded: waiting for it to grow';
    await until(async () => (await operator.get(name)).reason === words, 60_000);
    expect(await source()).toEqual([100]);
    expect((await target()).every((weight) => weight > 0)).toBe(true);
    await until(async () => (await operator.chat(name)).some((text) => text.includes(words)));
  };

  it('gives it its weight first, says so, and zeroes the target when it has grown', async () => {
    const name = 'grown';
    await stayAt(90, name, 'capacityPatience: 1h', 'settle: 0s', 'analysis: { errorRate: { minRequests: 10 } }');
    await setBackends('source', 1);
    await sandbox.control('PUT', '/gateways/target', { errorRate: 1 });
    await isWaiting(name);
    await setBackends('source', 5);
    const back = await operator.isIn(name, 'rolledBack');
    expect(back.share).toMatchObject({ asked: 0, achieved: 0 });
    expect([await source(), await target()]).toEqual([five(20), five(0)]);
  }, 90_000);

  it('zeroes the target after capacityPatience all the same', async () => {
    const name = 'patient';
    await stayAt(90, name, 'capacityPatience: 60s', 'breakGlassAfter: 1h');
    await setBackends('source', 1);
    await operator.send(name, 'abort');
    await isWaiting(name);
    await operator.isIn(name, 'rolledBack');
    expect([await source(), await target()]).toEqual([[100], five(0)]);
    expect((await counts(name))['rollback.blocked']).toBe(1);
  }, 90_000);
});
