import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryAnswer } from '../../src/api/view-schema.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import type { SandboxDescription } from '../../src/sandbox/sandbox.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import { type Ended, type RunningProgram, runCli, startCli, until } from '../fixtures/running-sandbox.ts';
import { countsByKind, writeMigration } from '../fixtures/running-serve.ts';

const run = promisify(execFile);
const speed = 10;
let home: string;
let redis: RedisServer;
let sandbox: RunningProgram;
let description: SandboxDescription;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-redis-'));
  redis = await startRedis();
  sandbox = startCli(['sandbox', '--speed', String(speed), '--rate', '100'], { REDIS_URL: redis.url, HOME: home });
  await until(() => sandbox.stdout().endsWith('\n') || sandbox.child.exitCode !== null, 60_000);
  description = JSON.parse(sandbox.stdout()) as SandboxDescription;
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await redis?.stop();
  await rm(home, { recursive: true, force: true });
});

/** `redis-cli` with these words, against the Redis of this sandbox. */
async function redisCli(...words: readonly string[]): Promise<string> {
  return (await run('redis-cli', ['-h', '127.0.0.1', '-p', String(redis.port), ...words])).stdout.trim();
}

function sluice(...args: readonly string[]): Promise<Ended> {
  const { url, token } = description.functions;
  return runCli(args, { HOME: home, SLUICE_SERVER: url ?? '', SLUICE_TOKEN: token });
}

async function ask<T>(path: string): Promise<T> {
  const { url, token } = description.functions;
  const answer = await fetch(`${url}${path}`, { headers: { 'x-sluice-token': token } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const get = (name: string) => ask<MigrationView>(`/v1/migrations/${name}`);
const historyOf = async (name: string) => (await ask<HistoryAnswer>(`/v1/migrations/${name}/history`)).history;

/** @throws Error at once where it has come to another end */
const isIn = (name: string, state: string): Promise<MigrationView> =>
  until(async () => {
    const view = await get(name);
    if (view.isFinal && view.state !== state) throw new Error(`${view.state}: ${view.reason}`);
    return view.state === state ? view : null;
  }, 40_000);

async function weights(): Promise<Readonly<Record<'source' | 'target', readonly number[]>>> {
  const state = (await (await fetch(`${description.control.url}/state`)).json()) as {
    readonly loadBalancers: Readonly<
      Record<string, { groups: Record<string, { backends: readonly { owner: string; weight: number }[] }> }>
    >;
  };
  const backends = state.loadBalancers['lb-public']?.groups['rsp-pub-80']?.backends ?? [];
  const of = (owner: string) => backends.filter((one) => one.owner === owner).map(({ weight }) => weight);
  return {
    source: of('istio-system/istio-ingressgateway'),
    target: of('istio-system/istio-ingressgateway-asm'),
  };
}

const baseline = { source: [33, 33, 33], target: [0, 0, 0] };

describe('a sandbox with REDIS_URL', () => {
  it('keeps a whole migration in Redis, under the documented keys', async () => {
    const steps = 'steps: [{ share: 10, bake: 10s }, { share: 50, bake: 10s }]';
    const more = ['finish: return', 'settle: 0s', 'analysis: { errorRate: { harmBudget: 50%, minRequests: 10 } }'];
    const file = await writeMigration(home, 'whole', steps, ...more);
    expect((await sluice('start', '-f', file, '--wait')).code).toBe(0);
    expect(countsByKind(await historyOf('whole'))).toEqual({
      command: 1,
      started: 1,
      'step.verified': 2,
      'step.passed': 2,
      'rollback.started': 1,
      rolledback: 1,
    });
    expect(await weights()).toEqual(baseline);
    const record = JSON.parse(await redisCli('HGET', 'sluice:{s0}:record:whole', 'record'));
    expect(record).toMatchObject({ name: 'whole', state: 'rolledBack', isFinal: true });
    expect(await redisCli('HGET', 'sluice:{s0}:record:whole', 'revision')).toBe(String(record.revision));
    expect(await redisCli('ZSCORE', 'sluice:{s0}:names', 'whole')).toBe('0');
    expect(await redisCli('ZSCORE', 'sluice:{s0}:due', 'whole')).toBe('');
    expect(await redisCli('LLEN', 'sluice:{s0}:history:whole')).toBe('8');
    expect(await redisCli('HLEN', 'sluice:{claims}:held')).toBe('0');
    expect(Number(await redisCli('ZCARD', 'sluice:{s0}:signals:whole'))).toBeGreaterThan(0);
  }, 90_000);

  it('judges what a program writes with redis-cli ZADD: errors at the target bring the baseline back', async () => {
    const more = ['deadline: 20h', 'settle: 0s', 'analysis: { errorRate: { minRequests: 50000 } }'];
    const file = await writeMigration(home, 'signalled', 'steps: [{ share: 50, bake: 12h }]', ...more);
    expect((await sluice('start', '-f', file)).code).toBe(0);
    await isIn('signalled', 'progressing.baking');
    // More requests than the gateways will have counted, so that the verdict can only be about what is written here.
    const { reason, verdict } = await until(async () => {
      const command = await documentedCommand();
      await redisCli(...command({ side: 'source', requests: 1_000_000, errors: 0 }));
      await redisCli(...command({ side: 'target', requests: 1_000_000, errors: 400_000 }));
      const view = await get('signalled');
      return view.state === 'rolledBack' ? view : null;
    }, 60_000);
    expect(verdict).toMatchObject({ kind: 'fail', cause: 'worse' });
    expect(reason).toMatch(/^errors: target (39|40)\.\d\d % of \d+, source 0\.00 % of/);
    expect(await weights()).toEqual(baseline);
  }, 90_000);

  it('reports a stored record that it cannot read, shows the others, and leaves it as it is', async () => {
    const key = 'sluice:{s0}:record:broken';
    await redisCli('HSET', key, 'revision', '3', 'record', '{"schema":99', 'token', 'x');
    await redisCli('ZADD', 'sluice:{s0}:names', '0', 'broken');
    await redisCli('ZADD', 'sluice:{s0}:due', '1', 'broken');
    const before = await redisCli('HGETALL', key);
    const listed = await sluice('list');
    expect(listed.code).toBe(0);
    expect(listed.stdout).toMatch(/^whole /m);
    expect(listed.stdout).not.toMatch(/^broken /m);
    expect(listed.stderr).toMatch(/^broken: .*it is left as it is$/m);
    const got = await sluice('get', 'broken');
    expect(got.code).not.toBe(0);
    expect(got.stderr).toContain('broken');
    // The others go on although this one is due all the time.
    const file = await writeMigration(
      home,
      'beside',
      'steps: [{ share: 10, bake: 0s }]',
      'finish: return',
      'settle: 0s',
    );
    expect((await sluice('start', '-f', file)).code).toBe(0);
    expect((await sluice('abort', 'beside')).code).toBe(0);
    await until(async () => (await get('beside')).isFinal, 40_000);
    expect(await redisCli('HGETALL', key)).toBe(before);
  }, 90_000);
});

/** The command of docs/redis.md, with its example's words replaced; the clock of the sandbox runs `speed` times faster. */
async function documentedCommand() {
  const page = await readFile('docs/redis.md', 'utf8');
  const [, line = ''] = /^redis-cli (ZADD .*signals:shop-ingress.*)$/m.exec(page) ?? [];
  const [, key = '', member = ''] = /^ZADD '([^']+)' \d+ '([^']+)'$/.exec(line) ?? [];
  expect(key).toBe('sluice:{s0}:signals:shop-ingress');
  expect(member.split(' ')).toHaveLength(6);
  const { time } = (await (await fetch(`${description.control.url}/state`)).json()) as { readonly time: string };
  // The newest interval of five seconds that is over.
  const from = String((Math.floor(Date.parse(time) / 5_000) - 1) * 5);
  return ({ side, requests, errors }: { side: string; requests: number; errors: number }): readonly string[] => [
    'ZADD',
    key.replace('shop-ingress', 'signalled'),
    from,
    `${side} another-program ${from} 5 ${requests} ${errors}`,
  ];
}
