import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { MigrationView } from '../../src/domain/view.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import {
  descendants,
  type Environment,
  isAlive,
  type RunningSandbox,
  runCli,
  startSandbox,
  until,
} from '../fixtures/running-sandbox.ts';
import { countsByKind, type RunningServe, reportTo, startServe, writeMigration } from '../fixtures/running-serve.ts';

const token = 'the-token-of-whoever-runs-these-tests';
const password = 'pa/ss:word@1';
let home: string;
let described: string;
let sandbox: RunningSandbox;
let redis: RedisServer;
const running: RunningServe[] = [];
/** Everything that any serve printed, for the search for secrets. */
const printed = () => running.map(({ stdout, stderr }) => stdout() + stderr()).join('');

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-serve-'));
  [redis, sandbox] = await Promise.all([
    startRedis({ password }),
    startSandbox('--seed', '5', '--rate', '100', '--controller-latency', '300ms', '--mesh-latency', '300ms'),
  ]);
  described = join(home, 'sandbox.json');
  await writeFile(described, sandbox.stdout());
}, 90_000);

afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await sandbox?.stop();
  await redis?.stop();
  await rm(home, { recursive: true, force: true });
});

async function serve(args: readonly string[], environment: Environment = {}): Promise<RunningServe> {
  const started = await startServe(args, { HOME: home, SLUICE_TOKEN: token, ...environment });
  running.push(started);
  return started;
}

const tenAndFifty = '{ share: 10, bake: 2s }, { share: 50, bake: 3s }';

/** A canary in real time: seconds at each share, and then everything as it was. */
const canary = (name: string, steps = '{ share: 50, bake: 1h }') =>
  writeMigration(
    home,
    name,
    `steps: [${steps}]`,
    'finish: return',
    'settle: 0s',
    'analysis: { errorRate: { harmBudget: 50%, minRequests: 10 } }',
  );

const source = () => sandbox.weights('rsp-pub-80', 'istio-ingressgateway');
const target = () => sandbox.weights('rsp-pub-80', 'istio-ingressgateway-asm');
const isIn = async (where: RunningServe, name: string, state: string) => {
  const view = await where.get(name);
  return view.state === state ? view : null;
};
const ended = (where: RunningServe, name: string): Promise<MigrationView> =>
  until(async () => {
    const view = await where.get(name);
    return view.isFinal ? view : null;
  }, 60_000);

/** One of the two writes of the first shift has reached the load balancer, the other has not. */
const isHalfWay = async () => (await target()).every((weight) => weight > 0) && (await source()).join() === '33,33,33';

/** What is not about the judge does not wait for it: its time is wall time here. */
async function promote(where: RunningServe, name: string): Promise<void> {
  await until(() => isIn(where, name, 'progressing.baking'));
  expect((await where.sluice('promote', name)).code).toBe(0);
}

async function expectOneCanary(where: RunningServe, name: string, passed: 'promoted' | 2): Promise<void> {
  expect(await ended(where, name)).toMatchObject({ state: 'rolledBack', reason: 'the canary is over' });
  expect(countsByKind(await where.history(name))).toEqual({
    started: 1,
    ...(passed === 'promoted'
      ? { command: 2, 'step.verified': 1 }
      : { command: 1, 'step.verified': passed, 'step.passed': passed }),
    'rollback.started': 1,
    rolledback: 1,
  });
  expect(await source()).toEqual([33, 33, 33]);
  expect(await target()).toEqual([0, 0, 0]);
  expect((await sandbox.counters()).lost.sinceStart).toBe(0);
}

describe('sluice serve, killed in the middle', () => {
  it('of a shift and of a bake goes on to the end from its folder', async () => {
    const options = ['--sandbox', described, '--data', join(home, 'killed')];
    let now = await serve(options);
    const reporting = reportTo(sandbox, 'killed', () => now);
    expect((await now.sluice('start', '-f', await canary('killed', tenAndFifty))).code).toBe(0);
    await until(isHalfWay);
    await now.kill();
    expect(await isHalfWay()).toBe(true);

    now = await serve(options);
    await until(async () => (await isIn(now, 'killed', 'progressing.baking'))?.step === 2, 40_000);
    await now.kill();

    now = await serve(options);
    await expectOneCanary(now, 'killed', 2);
    await reporting.stop();
    await now.stop();
  }, 90_000);

  it('of a shift goes on to the end from Redis, and keeps nothing in a folder', async () => {
    const folder = join(home, 'unused');
    const options = ['--sandbox', described, '--data', folder];
    let now = await serve(options, { REDIS_URL: redis.url });
    const reporting = reportTo(sandbox, 'in-redis', () => now);
    expect((await now.sluice('start', '-f', await canary('in-redis'))).code).toBe(0);
    await until(isHalfWay);
    await now.kill();
    now = await serve(options, { REDIS_URL: redis.url });
    await promote(now, 'in-redis');
    await expectOneCanary(now, 'in-redis', 'promoted');
    await reporting.stop();
    await now.stop();
    expect(existsSync(folder)).toBe(false);
  }, 90_000);
});

describe('two of sluice serve', () => {
  it('on one folder come to one outcome, which both of them tell', async () => {
    const data = ['--data', join(home, 'shared')];
    const { ack, asm, clb } = sandbox.description;
    const first = await serve(['--sandbox', described, ...data]);
    // The other is told the same by kubeconfigs and environment, as for real clusters.
    const second = await serve(['--ack-kubeconfig', ack.kubeconfig, '--asm-kubeconfig', asm.kubeconfig, ...data], {
      SLUICE_CLB: JSON.stringify({ region: clb.regionId, endpoint: clb.endpoint, protocol: 'http' }),
      ALIBABA_CLOUD_ACCESS_KEY_ID: clb.accessKeyId,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: clb.accessKeySecret,
      SLUICE_PROBE_LOOPBACK: 'allow',
    });
    const reporting = reportTo(sandbox, 'shared', () => second);
    expect((await first.sluice('start', '-f', await canary('shared'))).code).toBe(0);
    await promote(second, 'shared');
    await expectOneCanary(second, 'shared', 'promoted');
    expect(await first.history('shared')).toEqual(await second.history('shared'));
    expect(await first.get('shared')).toEqual(await second.get('shared'));
    await reporting.stop();
    await Promise.all([first.stop(), second.stop()]);
  }, 90_000);
});

describe('sluice serve', () => {
  it('ends with SIGTERM while a migration bakes: exit code 0, nothing left, and the next start goes on', async () => {
    const options = ['--sandbox', described, '--data', join(home, 'ended')];
    const first = await serve(options);
    const file = await writeMigration(home, 'ended', 'steps: [{ share: 10, bake: 1h }]');
    expect((await first.sluice('start', '-f', file)).code).toBe(0);
    await until(() => isIn(first, 'ended', 'progressing.baking'));
    const children = await descendants(first.pid);
    first.child.kill('SIGTERM');
    expect(await first.exited).toMatchObject({ code: 0, signal: null });
    expect(children.filter(isAlive)).toEqual([]);
    await expect(fetch(`${first.url}/healthz`)).rejects.toThrow();

    const second = await serve(options);
    const { revision } = await second.get('ended');
    await until(async () => (await second.get('ended')).revision > revision);
    expect(await second.get('ended')).toMatchObject({ state: 'progressing.baking', share: { asked: 10 } });
    second.child.kill('SIGINT');
    expect(await second.exited).toMatchObject({ code: 0, signal: null });
  }, 60_000);

  it('makes a token where none is given, prints it once with the address, and takes no other', async () => {
    const made = await serve(['--sandbox', described, '--data', join(home, 'made')], { SLUICE_TOKEN: undefined });
    expect(Object.keys(JSON.parse(made.stdout()))).toEqual(['url', 'token']);
    expect((await made.sluice('list', '--output', 'json')).code).toBe(0);
    const other = await runCli(['list'], { HOME: home, SLUICE_SERVER: made.url, SLUICE_TOKEN: token });
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(made.stderr()).not.toContain(made.token);
    await made.stop();
  });

  it('takes the tokens of SLUICE_TOKENS with their roles', async () => {
    const holder = (role: string, secret: string) => ({
      role,
      sha256: createHash('sha256').update(secret).digest('hex'),
    });
    const tokens = { alice: holder('operator', 'alices-token'), guest: holder('viewer', 'guests-token') };
    const started = await serve(['--sandbox', described, '--data', join(home, 'roles')], {
      SLUICE_TOKENS: JSON.stringify(tokens),
    });
    expect(Object.keys(JSON.parse(started.stdout()))).toEqual(['url']);
    const file = await canary('roles');
    const as = (secret: string, ...args: readonly string[]) =>
      runCli(args, { HOME: home, SLUICE_SERVER: started.url, SLUICE_TOKEN: secret });
    expect((await as('guests-token', 'list')).code).toBe(0);
    const refused = await as('guests-token', 'start', '-f', file);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/operator/);
    expect((await as('alices-token', 'list')).stdout).toBe('There are no migrations.\n');
    expect((await as(token, 'list')).code).toBe(1);
    await started.stop();
  });

  it('listens on loopback and nowhere else', async () => {
    const started = await serve(['--sandbox', described, '--data', join(home, 'loopback')]);
    const addresses = await listeningAddresses(started.pid);
    expect(addresses.length).toBeGreaterThan(0);
    expect(addresses.filter((address) => !address.startsWith('127.'))).toEqual([]);
    await started.stop();
  });

  it('has printed no secret in any of these runs, and one line on stdout in each', async () => {
    const kubeconfigs = [sandbox.description.ack.kubeconfig, sandbox.description.asm.kubeconfig];
    const texts = await Promise.all(kubeconfigs.map((file) => readFile(file, 'utf8')));
    const secrets = texts.map((text) => parse(text).users[0].user.token as string);
    const { accessKeySecret, accessKeyId } = sandbox.description.clb;
    expect(printed()).toContain('"kind":"step.verified"');
    for (const secret of [...secrets, accessKeySecret, accessKeyId, password, encodeURIComponent(password), token]) {
      expect(secret.length).toBeGreaterThan(5);
      expect(printed()).not.toContain(secret);
    }
    for (const { stdout } of running) expect(stdout().trim().split('\n')).toHaveLength(1);
  });
});

describe('wrong use of sluice serve', () => {
  it('is answered with every mistake at once and exit code 2, and writes nothing', async () => {
    const data = join(home, 'nothing', 'here');
    const environment = { HOME: home, SLUICE_TOKENS: '[]', SLUICE_WATCH_EVERY: 'often', REDIS_URL: undefined };
    const { code, stdout, stderr } = await runCli(['serve', '--port', 'x', '--data', data], environment);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual([
      '--port',
      'SLUICE_CLUSTERS',
      'SLUICE_CLB',
      'SLUICE_TOKENS',
      'SLUICE_WATCH_EVERY',
      'ALIBABA_CLOUD_ACCESS_KEY_ID',
      'ALIBABA_CLOUD_ACCESS_KEY_SECRET',
    ]);
    expect(existsSync(join(home, 'nothing'))).toBe(false);
  });

  it('tells which kubeconfig it cannot read', async () => {
    const { code, stderr } = await runCli(['serve', '--ack-kubeconfig', '/nowhere', '--ack-id', 'c1'], { HOME: home });
    expect(code).toBe(2);
    expect(stderr).toContain('--ack-kubeconfig: cannot read /nowhere: ENOENT\n');
  });

  it('tells that its port is taken', async () => {
    const port = new URL(sandbox.description.control.url).port;
    const options = ['serve', '--sandbox', described, '--data', join(home, 'taken'), '--port', port];
    expect(await runCli(options, { HOME: home })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `port ${port} of 127.0.0.1 is in use: give another --port\n`,
    });
  });
});

/** Local addresses of the sockets that a process listens on, from /proc. */
async function listeningAddresses(pid: number): Promise<readonly string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  const own = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8')));
  return tables.flatMap((table) =>
    table.split('\n').flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state !== '0A' || !own.has(inode)) return [];
      const [address = ''] = local.split(':');
      return [address.length === 8 ? ipv4Of(address) : address];
    }),
  );
}

/** `0100007F` is 127.0.0.1: the kernel prints the bytes of the machine's order. */
function ipv4Of(hex: string): string {
  return (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}
