import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, apiClient } from '../../src/cli/client.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { documentedRoles } from '../fixtures/least-privilege.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import { documentedUser } from '../fixtures/redis-users.ts';
import { runCli, until } from '../fixtures/running-sandbox.ts';
import { writeMigration } from '../fixtures/running-serve.ts';

const run = promisify(execFile);
const redisPassword = 'canary/of:redis@1%';
const functions = ['api', 'tick', 'step', 'schedule', 'watchdog'];
const places = ['ack', 'asm', 'controller', 'clb', 'redis', 'chat'];

let home: string;
let redis: RedisServer;
let sandbox: Sandbox;
let api: ApiClient;
/** Everything that came out, by where it came out. */
const out = new Map<string, string>();
const add = (where: string, text: string): void => void out.set(where, `${out.get(where) ?? ''}${text}\n`);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-canary-'));
  redis = await startRedis({ settings: { loglevel: 'verbose' } });
  sandbox = await startSandbox({
    options: { speed: 5, ratePerSecond: 40, controllerLatencyMs: 300, meshLatencyMs: 300 },
    environment: { REDIS_URL: await documentedUser(redis, 'sluice', redisPassword) },
    roles: await documentedRoles('lb-public'),
    progress: (line) => add('progress of the sandbox', line),
  });
  const { url, token } = sandbox.description.functions;
  api = apiClient({ server: url ?? '', token });
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await redis?.stop();
  await rm(home, { recursive: true, force: true });
});

/** Runs a command of the CLI and keeps what it printed, whatever came of it. */
async function sluice(token: string, ...args: readonly string[]): Promise<number | null> {
  const environment = { HOME: home, SLUICE_SERVER: sandbox.description.functions.url ?? '', SLUICE_TOKEN: token };
  const { code, stdout, stderr } = await runCli(args, environment);
  add('stdout of the command line', stdout);
  add('stderr of the command line', stderr);
  return code;
}

/** One raw request to the API, its whole answer kept. */
async function ask(path: string, init: RequestInit = {}, token = sandbox.description.functions.token): Promise<number> {
  const headers = { 'x-sluice-token': token, 'content-type': 'application/json' };
  try {
    const answer = await fetch(`${sandbox.description.functions.url}${path}`, { ...init, headers });
    add('answers of the API', JSON.stringify([...answer.headers]) + (await answer.text()));
    return answer.status;
  } catch (error) {
    add('answers of the API', String(error));
    return 0;
  }
}

async function faults(kind: string, where: readonly string[]): Promise<void> {
  const list = where.map((one) => ({
    where: one,
    kind,
    rate: 1,
    ...(kind === 'error' ? { status: 500 } : { forMs: 1_000 }),
  }));
  await control('PUT', '/faults', list);
}

async function control(method: string, path: string, body?: unknown): Promise<void> {
  const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  await fetch(`${sandbox.description.control.url}${path}`, init);
}

const stateOf = async (name: string): Promise<string> =>
  (await api.get<MigrationView>(`/v1/migrations/${name}`).catch(() => null))?.state ?? '';

/** Everything that Redis holds and logs, as text. */
async function redisContents(): Promise<string> {
  const cli = async (...words: readonly string[]) =>
    (await run('redis-cli', ['-h', '127.0.0.1', '-p', String(redis.port), ...words], { maxBuffer: 50_000_000 })).stdout;
  const keys = (await cli('--scan')).trim().split('\n');
  expect(keys.some((key) => key.includes(':record:'))).toBe(true);
  const reads = {
    hash: ['HGETALL'],
    list: ['LRANGE', '0', '-1'],
    zset: ['ZRANGE', '0', '-1'],
    string: ['GET'],
  } as const;
  const texts = [await cli('SLOWLOG', 'GET', '128')];
  for (const key of keys) {
    const type = (await cli('TYPE', key)).trim() as keyof typeof reads;
    const [command, ...range] = reads[type];
    texts.push(key, await cli(command, key, ...range));
  }
  return texts.join('\n');
}

/** ConfigMaps, Services, events and gateways: what Sluice wrote into the clusters is there. */
async function clusterContents(): Promise<string> {
  const { ack, asm } = sandbox.description;
  const get = async (kubeconfig: string, kinds: string) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig };
    return (await run('kubectl', ['-n', 'istio-system', 'get', kinds, '-o', 'json'], { env, maxBuffer: 50_000_000 }))
      .stdout;
  };
  return (await get(ack.kubeconfig, 'configmaps,services,events')) + (await get(asm.kubeconfig, 'istiogateways'));
}

/** The whole run: a migration that is started, held up by every fault, aborted, and asked about all the time. */
async function everything(): Promise<void> {
  const { token } = sandbox.description.functions;
  const spec = ['steps: [{ share: 50, bake: 1h }]', 'finish: return', 'settle: 0s', 'notify: [ops, audit]'];
  const file = await writeMigration(home, 'canary', ...spec);
  await sluice(token, 'plan', '-f', file);
  await until(async () => (await sluice(token, 'start', '-f', file)) === 0 || (await stateOf('canary')) !== '', 60_000);
  await until(async () => (await stateOf('canary')) === 'progressing.baking', 90_000);
  for (const kind of ['error', 'drop']) {
    await faults(kind, places);
    for (const path of ['/v1/migrations', '/v1/migrations/canary', '/v1/migrations/canary/history', '/metrics', '/'])
      await ask(path);
    await ask('/v1/migrations?dryRun=true', { method: 'POST', body: await readFile(file, 'utf8') });
    await sluice(token, 'get', 'canary');
    await control('DELETE', '/faults');
  }
  await ask('/v1/migrations', {}, 'a-token-that-nobody-has');
  await ask(`/v1/migrations/canary/signals`, { method: 'POST', body: `{"samples":[{"side":"${token}"` });
  await ask('/openapi.json');
  await ask('/healthz');
  await sluice(sandbox.tokens.viewer, 'abort', 'canary');
  await faults('error', ['chat', 'controller']);
  await until(async () => (await sluice(token, 'abort', 'canary')) === 0, 60_000);
  await control('DELETE', '/faults');
  await until(async () => (await stateOf('canary')) === 'rolledBack', 90_000);
  for (const name of ['get', 'history']) await sluice(token, name, 'canary', '--output', 'json');
  await sluice(token, 'list');
}

/** Where which secret came out, as it is or in a spelling that anybody can turn back; named by its last characters. */
function findings(texts: ReadonlyMap<string, string>, secrets: readonly string[]): readonly string[] {
  const spellings = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    JSON.stringify(secret).slice(1, -1),
  ]);
  return [...texts].flatMap(([where, text]) =>
    [...new Set(spellings)].filter((one) => text.includes(one)).map((one) => `${where}: ...${one.slice(-4)}`),
  );
}

describe('a whole run, with every fault on the way', () => {
  it('lets none of the secrets out that the product was given', async () => {
    await everything();
    for (const name of functions) add(`log of ${name}`, sandbox.logs(name).join('\n'));
    add('messages in chat', JSON.stringify(sandbox.controls.chat()));
    add('what Redis holds', await redisContents());
    add('what the clusters hold', await clusterContents());
    for (const file of await readdir(home)) {
      if (file.endsWith('.yaml')) continue;
      add('files at home', await readFile(join(home, file), 'utf8').catch(() => ''));
    }

    // A search in nothing finds nothing: each of these places has said something.
    for (const where of ['stdout of the command line', 'stderr of the command line', 'log of api', 'log of step']) {
      expect([where, (out.get(where) ?? '').trim()]).not.toEqual([where, '']);
    }
    for (const where of ['answers of the API', 'messages in chat', 'what Redis holds', 'what the clusters hold']) {
      expect([where, out.get(where)]).toEqual([where, expect.stringContaining('canary')]);
    }
    const { secrets } = sandbox;
    expect(secrets.length).toBeGreaterThan(15);
    const canaries = [...secrets, redisPassword];
    expect(canaries.filter((secret) => secret.length < 15)).toEqual([]);
    // The search itself finds what is there, also in another spelling.
    const planted = `?token=${encodeURIComponent(redisPassword)}`;
    expect(findings(new Map([['a log', planted]]), canaries)).toHaveLength(1);
    expect(findings(out, canaries)).toEqual([]);
  }, 300_000);
});
