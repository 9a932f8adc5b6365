import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-undo-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '24', '--rate', '50');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const groups = ['rsp-pub-80', 'rsp-pub-443'];
const atClb = async () =>
  Promise.all(
    groups.map(async (group) => [
      await sandbox.weights(group, sourceService),
      await sandbox.weights(group, targetService),
    ]),
  );

/** Everything moved, without waiting for a bake. */
async function complete(name: string, undoFor: string): Promise<void> {
  await operator.start(name, 'steps: [{ share: 100, bake: 12h }]', 'deadline: 20h', `undoFor: ${undoFor}`);
  await operator.isIn(name, 'progressing.baking');
  const { code, stderr } = await sandbox.sluice('promote', name);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

describe('sluice rollback of a completed migration', () => {
  it('brings the baseline back and verifies it, an annotation that was absent included', async () => {
    await operator.annotateSource(null);
    const absent = [
      [100, 100, 100],
      [0, 0, 0],
    ];
    await until(async () => JSON.stringify(await atClb()) === JSON.stringify([absent, absent]));
    await complete('undone', '2h');
    await operator.isIn('undone', 'completed');
    const moved = [
      [0, 0, 0],
      [33, 33, 33],
    ];
    expect(await atClb()).toEqual([moved, moved]);
    expect(await operator.sourceWeight()).toBe('0');

    const { code, stderr } = await sandbox.sluice('rollback', 'undone', '--reason', 'the phones ring');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const back = await operator.isIn('undone', 'rolledBack');
    expect(back.reason).toMatch(/^rollback asked by you: the phones ring/);
    expect(back.share).toMatchObject({ asked: 0, achieved: 0 });
    expect(await atClb()).toEqual([absent, absent]);
    expect([await operator.sourceWeight(), await operator.targetWeight()]).toEqual(['', '0']);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 90_000);

  it('is refused once its time is over, and moves nothing', async () => {
    await complete('closed', '10s');
    await operator.isIn('closed', 'closed');
    const before = await atClb();
    const refused = await sandbox.sluice('rollback', 'closed');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('closed');
    expect(await atClb()).toEqual(before);
  }, 90_000);
});
