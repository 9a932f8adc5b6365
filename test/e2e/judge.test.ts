import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../src/domain/view.ts';
import { type Operator, operatorOf } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

let home: string;
let sandbox: RunningSandbox;
let person: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-judge-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '41', '--rate', '60');
  person = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const errors = async (source: number, target: number) => {
  await sandbox.control('PUT', '/gateways/source', { errorRate: source });
  await sandbox.control('PUT', '/gateways/target', { errorRate: target });
};
/** Of the sandbox; clients live on the wall, which is ten times slower. */
const oneASecond = 10;
const rate = (ratePerSecond: number) => sandbox.control('PUT', '/clients', { ratePerSecond });

afterEach(async () => {
  await errors(0, 0);
  await rate(60);
});

/** A canary at half of the traffic, which puts the baseline back when it has passed. */
const canary = (name: string, bake: string, analysis: string) =>
  person.start(
    name,
    `steps: [{ share: 50, bake: ${bake} }]`,
    'finish: return',
    'settle: 5s',
    'notify: [ops]',
    `analysis: ${analysis}`,
  );

const verdictOf = (name: string, is: (verdict: NonNullable<MigrationView['verdict']>) => boolean) =>
  until(async () => {
    const { verdict } = await person.get(name);
    return verdict !== null && is(verdict) ? verdict : null;
  }, 60_000);

describe('a migration on the sandbox', { timeout: 120_000 }, () => {
  it('is held and people are told where both sides fail together, is not rolled back, and goes on when that is over', async () => {
    await canary('common', '40s', '{ errorRate: { max: 90% } }');
    await person.isIn('common', 'progressing.baking');
    await verdictOf('common', ({ source }) => source.requests > 0);
    await errors(0.5, 0.5);
    const held = await person.isIn('common', 'held');
    expect(held.verdict).toMatchObject({ kind: 'insufficient', cause: 'common' });
    expect(held.reason).toContain('both sides fail together, so going back would not help');
    expect(held.share).toMatchObject({ asked: 50, achieved: 50 });
    const told = await until(async () =>
      (await person.chat('common')).find((text) => text.includes('both sides fail')),
    );
    expect(told).toContain('held');
    expect((await person.history('common')).map(({ kind }) => kind)).not.toContain('rollback.started');
    await errors(0, 0);
    await person.isIn('common', 'progressing.baking');
    await person.send('common', 'abort');
    await person.isIn('common', 'rolledBack');
  });

  it('goes on where the source alone fails, and says which side changed', async () => {
    await errors(0.3, 0);
    await canary('source', '20s', '{ errorRate: { harmBudget: 2%, minRequests: 100 } }');
    const over = await person.isIn('source', 'rolledBack');
    expect(over.reason).toBe('the canary is over');
    expect(over.verdict).toMatchObject({ kind: 'pass', target: { errors: 0 } });
    expect(over.verdict?.difference.high).toBeLessThan(0);
  });

  it('passes at one request a second too, later than its bake, and exports the trace of it', async () => {
    await rate(oneASecond);
    await canary('slow', '10s', '{ patience: 30m, errorRate: { harmBudget: 10% } }');
    await verdictOf('slow', ({ kind, cause }) => kind === 'insufficient' && cause === 'open');
    const over = await person.isIn('slow', 'rolledBack');
    expect(over).toMatchObject({ reason: 'the canary is over', verdict: { kind: 'pass', cause: 'proven' } });
    const { code, stdout } = await sandbox.sluice('history', 'slow', '--output', 'jsonl');
    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const target = lines.reduce((sum, line) => sum + line.target.requests, 0);
    expect(target).toBeGreaterThanOrEqual(over.verdict?.target.requests ?? 0);
  });

  it.each([
    ['hold', 'held'],
    ['rollback', 'rolledBack'],
  ])('that has too few requests when its patience ends: onInsufficient %s', async (onInsufficient, state) => {
    await rate(oneASecond);
    const name = `few-${onInsufficient}`;
    await canary(name, '10s', `{ patience: 20s, onInsufficient: ${onInsufficient} }`);
    const view = await person.isIn(name, state);
    expect(view.verdict).toMatchObject({ kind: 'insufficient', cause: 'open' });
    expect(view.reason).toContain('not shown yet');
    if (state === 'held') {
      expect(view.share.achieved).toBe(50);
      await person.send(name, 'abort');
      await person.isIn(name, 'rolledBack');
    }
    expect(await sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm')).toEqual([0, 0, 0]);
  });
});
