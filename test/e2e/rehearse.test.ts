import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../src/domain/view.ts';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox } from '../fixtures/running-sandbox.ts';
import { writeMigration } from '../fixtures/running-serve.ts';

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-rehearse-'));
  sandbox = await startSandbox('--speed', '3', '--seed', '41');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

describe('sluice rehearse', () => {
  it('says what it will expose, and does nothing where nobody is there to agree', async () => {
    const file = await writeMigration(home, 'shop-ingress', 'steps: [10, 100]');
    const { code, stderr } = await sandbox.sluice('rehearse', 'shop-ingress', '-f', file);
    expect(code).toBe(2);
    expect(stderr).toContain('lb-public:80  2.9 % of new requests');
    expect(stderr).toContain('there is nobody to ask: give --yes');
    expect((await sandbox.sluice('get', 'shop-ingress')).code).toBe(1);
  });

  it('measures a write, the way back and break glass, at the cost of the smallest share there is', async () => {
    const file = await writeMigration(home, 'shop-ingress', 'steps: [10, 100]');
    const { code, stdout, stderr } = await sandbox.sluice(
      ...['rehearse', 'shop-ingress', '-f', file, '--yes', '--output', 'json'],
    );
    expect(code, stderr).toBe(0);
    const end = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as MigrationView;
    expect(end).toMatchObject({ state: 'rolledBack', reason: 'the rehearsal is over' });
    expect(end.rehearsal?.measured.map(({ what }) => what)).toEqual(['shift', 'shift', 'rollback', 'glass']);
    expect(end.rehearsal?.glass).toMatchObject({ problem: null });
    expect(await sandbox.weights('rsp-pub-80', sourceService)).toEqual([33, 33, 33]);
    expect(await sandbox.weights('rsp-pub-80', targetService)).toEqual([0, 0, 0]);
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 120_000);

  it('gives its times to the plan', async () => {
    const file = await writeMigration(home, 'shop-ingress', 'steps: [10, 100]');
    const { stdout } = await sandbox.sluice('plan', '-f', file);
    expect(stdout).toMatch(/A write takes [\d.]+ s here until it is verified, as measured before\./);
  });

  it('of a name alone is of its last run', async () => {
    const { code, stdout } = await sandbox.sluice('rehearse', 'shop-ingress', '--yes');
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/break glass/);
    expect((await operator.get('shop-ingress')).state).toBe('rolledBack');
  }, 120_000);
});
