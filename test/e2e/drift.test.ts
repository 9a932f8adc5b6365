import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { countsByKind } from '../fixtures/running-serve.ts';

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-drift-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '21', '--rate', '50');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const isBaking = (name: string) => operator.isIn(name, 'progressing.baking');
const isHeld = (name: string) => operator.isIn(name, 'held');
const counts = async (name: string) => countsByKind(await operator.history(name));
const source = (group = 'rsp-pub-80') => sandbox.weights(group, sourceService);
const target = (group = 'rsp-pub-80') => sandbox.weights(group, targetService);

/** A share that lasts until somebody changes it. */
async function stayAt(share: number, name: string, ...spec: readonly string[]): Promise<void> {
  await operator.start(name, `steps: [{ share: ${share}, bake: 12h }]`, 'deadline: 20h', 'notify: [ops]', ...spec);
  await isBaking(name);
}

async function abort(name: string): Promise<void> {
  await operator.send(name, 'abort');
  await operator.isIn(name, 'rolledBack');
  expect([await source(), await target()]).toEqual([
    [33, 33, 33],
    [0, 0, 0],
  ]);
}

const told = (name: string, ...words: readonly string[]) =>
  until(async () => (await operator.chat(name)).find((text) => words.every((word) => text.includes(word))));

describe('a migration that bakes at 90 per cent', () => {
  const name = 'drifting';

  beforeAll(() => stayAt(90, name), 60_000);
  afterAll(() => abort(name), 60_000);

  it('is held when somebody annotates the source, and chat says who and what', async () => {
    const ours = await operator.sourceWeight();
    await operator.annotateSource('50');
    const held = await isHeld(name);
    const what = `source weight is "50", not "${ours}", last written by kubectl-annotate`;
    expect(held).toMatchObject({ reason: expect.stringContaining(what), share: { asked: 90 } });
    await told(name, `${name} is held at 90 per cent`, what);
    // Nobody is fought: what was written stays until a person decides.
    expect(await operator.sourceWeight()).toBe('50');
    await operator.annotateSource(ours);
    await isBaking(name);
    await told(name, `${name} goes on`);
  }, 60_000);

  it('is held when somebody changes weights in the console of the CLB, and get lists each backend that differs', async () => {
    const groups = ['rsp-pub-80', 'rsp-pub-443'];
    const before = await Promise.all(groups.map((group) => operator.backends(group, targetService)));
    for (const [index, group] of groups.entries()) {
      await operator.setWeights(
        group,
        (before[index] ?? []).map((backend) => ({ ...backend, weight: 20 })),
      );
    }
    await isHeld(name);
    const differing = before.flatMap((backends, index) =>
      backends.map(
        ({ serverIp, port, weight }) => `backend ${serverIp}:${port} in ${groups[index]} has weight 20, not ${weight}`,
      ),
    );
    expect(differing).toHaveLength(6);
    await until(async () => {
      const { differences } = await operator.get(name);
      return differing.every((text) => differences?.includes(text));
    });
    const { stdout } = await sandbox.sluice('get', name);
    for (const text of differing) expect(stdout).toContain(text);
    await told(name, `${name} is held`, differing[0] ?? '');
    for (const [index, group] of groups.entries()) await operator.setWeights(group, before[index] ?? []);
    await isBaking(name);
  }, 60_000);

  it('is held when somebody sets a listener to rr in the console, which makes every weight meaningless', async () => {
    await operator.clb('SetLoadBalancerHTTPListenerAttribute', { Scheduler: 'rr', StickySession: 'off' });
    const held = await isHeld(name);
    expect(held.reason).toContain('listener 80 schedules by rr, not by weight');
    await told(name, `${name} is held`, 'listener 80 schedules by rr');
    await operator.clb('SetLoadBalancerHTTPListenerAttribute', { Scheduler: 'wrr', StickySession: 'off' });
    await isBaking(name);
  }, 60_000);

  it('with more share than asked is pulled back once and then held; the same again is held where it is', async () => {
    const ours = await operator.sourceWeight();
    const weights = await source();
    await operator.annotateSource('3');
    // A look that comes before the controller has followed finds drift, and the next one more share than asked.
    await until(async () => (await operator.get(name)).reason?.startsWith('pulled back after: '), 40_000);
    const held = await isHeld(name);
    expect(held.reason).toMatch(/source weight is "3", not "\d+", last written by kubectl-annotate/);
    expect([await operator.sourceWeight(), await source()]).toEqual([ours, weights]);
    await told(name, 'more than 90 per cent went to the target; it is pulled back', 'kubectl-annotate');

    await operator.send(name, 'resume');
    await isBaking(name);
    await operator.annotateSource('3');
    const again = await isHeld(name);
    expect(again.reason).toContain('source weight is "3"');
    expect(await operator.sourceWeight()).toBe('3');
    expect((await counts(name))['step.pulledBack']).toBe(1);
    await operator.annotateSource(ours);
    await isBaking(name);
  }, 90_000);
});

describe('more share than asked that comes from the console of the CLB', () => {
  it('is pulled back although no annotation differs, and then held', async () => {
    const name = 'consoled';
    await stayAt(50, name);
    const [before, weights] = [await operator.sourceWeight(), await source()];
    const backends = await operator.backends('rsp-pub-80', sourceService);
    await operator.setWeights(
      'rsp-pub-80',
      backends.map((backend) => ({ ...backend, weight: 10 })),
    );
    const held = await isHeld(name);
    const { serverIp, port } = backends[0] ?? {};
    expect(held.reason).toContain(`pulled back after: backend ${serverIp}:${port} in rsp-pub-80 has weight 10, not 33`);
    expect([await operator.sourceWeight(), await source(), await target()]).toEqual([before, weights, weights]);
    await abort(name);
  }, 90_000);
});

describe('a migration with onDrift: restore', () => {
  it('writes its weights again once, and holds when the same comes again', async () => {
    const name = 'restoring';
    await stayAt(50, name, 'onDrift: restore');
    const [ours, weights] = [await operator.targetWeight(), await target()];
    await operator.patchGateway('30');
    await until(async () => (await counts(name))['step.corrected'] === 1);
    await isBaking(name);
    expect([await operator.targetWeight(), await target(), await target('rsp-pub-443')]).toEqual([
      ours,
      weights,
      weights,
    ]);
    const what = `target weight is "30", not "${ours}", last written by kubectl-patch`;
    await told(name, 'the weights of 50 per cent are written again', what);

    await operator.patchGateway('30');
    expect((await isHeld(name)).reason).toContain(what);
    await until(async () => (await target()).join() === '10,10,10');
    expect(await operator.targetWeight()).toBe('30');
    expect(await counts(name)).toMatchObject({ 'step.corrected': 1, held: 1 });
    await abort(name);
  }, 90_000);
});

describe('a migration with onDrift: rollback', () => {
  it('goes back, and says who changed what', async () => {
    const name = 'returning';
    await stayAt(50, name, 'onDrift: rollback');
    await operator.patchGateway('30');
    const back = await operator.isIn(name, 'rolledBack');
    expect(back.reason).toMatch(/^drift: .*target weight is "30", not "100", last written by kubectl-patch/);
    await told(name, `${name} is rolled back`, 'kubectl-patch');
    expect([await operator.sourceWeight(), await operator.targetWeight()]).toEqual(['100', '0']);
    expect([await source(), await target()]).toEqual([
      [33, 33, 33],
      [0, 0, 0],
    ]);
  }, 60_000);
});
