import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

interface Counted {
  readonly requests: number;
  readonly last10s: { readonly requests: number };
}

const route = '{ mesh: asm, virtualService: default/reviews, host: reviews, from: [v1, v2], to: v3 }';
let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-subsets-'));
  sandbox = await startSandbox('--speed', '5', '--seed', '31', '--clusters', '1');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

/** Seed 004, step 5: reviews v1 to v3 in two clusters, from an equal split to all on v3. */
async function fileOf(name: string, steps: string): Promise<string> {
  const file = join(home, `${name}.yaml`);
  const lines = ['apiVersion: sluice/v1', 'kind: Migration', `metadata: { name: ${name} }`, 'spec:'];
  const spec = [`routes: [${route}]`, `steps: ${steps}`, 'settle: 5s', 'notify: [ops]', 'undoFor: 1h'];
  await writeFile(file, [...lines, ...spec.map((line) => `  ${line}`), ''].join('\n'));
  return file;
}

const weights = async () => {
  const path = 'jsonpath={range .spec.http[0].route[*]}{.destination.subset}={.weight} {end}';
  const { asm } = sandbox.description;
  return operator.kubectl(asm.kubeconfig, '-n', 'default', 'get', 'virtualservice', 'reviews', '-o', path);
};

const counted = async (): Promise<Readonly<Record<string, Counted>>> =>
  (await sandbox.control<{ subsets: Record<string, Record<string, Counted>> }>('GET', '/counters')).subsets[
    'default/reviews'
  ] ?? {};

async function start(name: string, steps: string): Promise<void> {
  const { code, stderr } = await sandbox.sluice('start', '-f', await fileOf(name, steps));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

describe('subsets of a host in the mesh', () => {
  it('are planned from the split of today, and nothing is written', async () => {
    const file = await fileOf('planned', '[50%, 100%]');
    const { code, stdout } = await sandbox.sluice('plan', '-f', file);
    expect(code).toBe(0);
    expect(stdout).toContain('asm/default/reviews  reviews  will be made');
    expect(stdout).toContain('today: v1 34, v2 33, v3 33  (33 % to v3)');
    expect(stdout).toMatch(/50 % +50 % +v1 25, v2 25, v3 50 /);
    expect(stdout).toMatch(/100 % +100 % +v1 0, v2 0, v3 100 /);
    await expect(weights()).rejects.toThrow('not found');
  });

  it('go back to the split of today when the subset they go to fails', async () => {
    await sandbox.control('PUT', '/subsets/default/reviews/v3', { errorRate: 0.5 });
    await start('failing', '[{ share: 60%, bake: 10m }]');
    const view = await operator.isIn('failing', 'rolledBack');
    expect(view.reason).toMatch(/^errors: target/);
    expect(await weights()).toBe('v1=34 v2=33 v3=33');
    await sandbox.control('PUT', '/subsets/default/reviews/v3', { errorRate: 0 });
  }, 120_000);

  it('move to one of them, verified by the weights and by what the subsets count themselves', async () => {
    await start('reviews', '[{ share: 66%, bake: 30s }, { share: 100%, bake: 30s }]');
    const view = await operator.isIn('reviews', 'completed');
    expect(view.subsets).toMatchObject([{ virtualService: 'asm/default/reviews', share: 100 }]);
    expect(await weights()).toBe('v1=0 v2=0 v3=100');
    await until(async () => {
      const { v1, v2, v3 } = await counted();
      return v1?.last10s.requests === 0 && v2?.last10s.requests === 0 && (v3?.last10s.requests ?? 0) > 0;
    });
    const { stdout } = await sandbox.sluice('get', 'reviews');
    expect(stdout).toContain('asm/default/reviews  reviews  v1 0, v2 0, v3 100  100 %');
  }, 120_000);

  it('are undone to the split of today', async () => {
    expect((await sandbox.sluice('rollback', 'reviews')).code).toBe(0);
    await operator.isIn('reviews', 'rolledBack');
    expect(await weights()).toBe('v1=34 v2=33 v3=33');
  }, 120_000);

  it('are held when a person edits the VirtualService, who is named', async () => {
    await start('edited', '[{ share: 50%, bake: 1h }]');
    await operator.isIn('edited', 'progressing.baking');
    const route = ['v1', 'v2', 'v3'].map((subset, index) => ({
      destination: { host: 'reviews', subset },
      weight: index === 2 ? 20 : 40,
    }));
    const patch = JSON.stringify({ spec: { http: [{ route }] } });
    const { asm } = sandbox.description;
    const merge = ['patch', 'virtualservice', 'reviews', '--type', 'merge', '-p', patch];
    await operator.kubectl(asm.kubeconfig, '-n', 'default', ...merge);
    const view = await operator.isIn('edited', 'held');
    expect(view.reason).toMatch(/subset v1 of reviews has weight 40, not 25, last written by kubectl-patch/);
    await operator.send('edited', 'abort');
    await operator.isIn('edited', 'rolledBack');
    expect(await weights()).toBe('v1=34 v2=33 v3=33');
  }, 120_000);
});
