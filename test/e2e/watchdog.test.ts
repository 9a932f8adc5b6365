import { cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type ApiClient, apiClient } from '../../src/cli/client.ts';
import { isSameWeights, type Truth, truthReader } from '../../src/cli/demo/truth.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import { until } from '../fixtures/running-sandbox.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const path = '/v1/migrations/abandoned';

/** Half of the traffic for an hour: nothing ends this by itself but the watchdog. */
const half = {
  apiVersion: 'sluice/v1',
  kind: 'Migration',
  metadata: { name: 'abandoned' },
  spec: {
    source: 'istio-system/istio-ingressgateway',
    target: 'istio-system/ingressgateway-asm',
    probe: { host: 'shop.example.com', path: '/productpage' },
    steps: [{ share: 50, bake: '1h' }],
    finish: 'return',
    deadManAfter: '1m',
    notify: ['ops'],
  },
};

interface History {
  readonly history: readonly { readonly kind: string; readonly text: string }[];
}

let folder: string;
let redis: RedisServer;
let sandbox: Sandbox;
let api: ApiClient;
let readTruth: () => Promise<Truth>;
let before: Truth;

/** @param speed how often redis is tried anew is wall time, so a store that is gone takes a slower sandbox */
async function begin(speed: number): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'sluice-watchdog-'));
  await cp(join(root, 'dist/functions'), folder, { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  redis = await startRedis();
  const options = { speed, controllerLatencyMs: 500, meshLatencyMs: 500 };
  sandbox = await startSandbox({ options, functionsFolder: folder, environment: { REDIS_URL: redis.url } });
  const { url, token } = sandbox.description.functions;
  api = apiClient({ server: url ?? '', token });
  readTruth = truthReader(sandbox.description);
  before = await readTruth();
  // On a machine that is busy an instance may need longer to start than a request has in compressed time.
  await until(async () => (await seen()) ?? (await api.post<MigrationView>('/v1/migrations', half).catch(() => null)));
  await until(async () => (await seen())?.state === 'progressing.baking', 40_000);
  expect(await isBack()).toBe(false);
}

afterEach(async () => {
  await sandbox?.stop();
  await redis?.stop();
  await rm(folder, { recursive: true, force: true });
});

const seen = () => api.get<MigrationView>(path).catch(() => null);
const isBack = async (): Promise<boolean> => isSameWeights(before, await readTruth());
const history = async () => (await until(() => api.get<History>(`${path}/history`).catch(() => null))).history;

/** From now on every function but the watchdog dies at once, and so do the instances that run. */
async function killAllButTheWatchdog(): Promise<void> {
  const others = (await readdir(folder)).filter((file) => file.endsWith('.js') && file !== 'watchdog.js');
  expect(others).toEqual(expect.arrayContaining(['api.js', 'tick.js', 'step.js', 'schedule.js']));
  for (const file of others) await writeFile(join(folder, file), 'process.kill(process.pid, "SIGKILL");\n');
  await dropInstances();
}

async function reviveAll(): Promise<void> {
  await cp(join(root, 'dist/functions'), folder, { recursive: true });
  await dropInstances();
}

/** Kills what runs and what starts for a moment, so that the next instances load what the folder has now. */
async function dropInstances(): Promise<void> {
  const { url } = sandbox.description.control;
  const faults = [{ where: 'functions', kind: 'kill', rate: 1, forMs: 5_000 }];
  await fetch(`${url}/faults`, { method: 'PUT', body: JSON.stringify(faults) });
}

describe('a migration at 50 per cent', () => {
  it('whose functions are all dead but the watchdog comes back, and is closed when they live again', async () => {
    await begin(10);
    await killAllButTheWatchdog();
    await until(isBack, 40_000);
    // It notes what it has restored a look after the weights are back: killed before, it would leave that to the engine.
    await until(() => JSON.stringify(sandbox.controls.chat()).includes('verified at the CLB, by the watchdog'), 40_000);
    await reviveAll();
    await until(async () => (await seen())?.state === 'rolledBack', 40_000);
    const kinds = (await history()).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind.startsWith('watchdog'))).toEqual(['watchdog.claimed', 'watchdog.restored']);
    expect(kinds.at(-1)).toBe('rolledback');
    expect(await isBack()).toBe(true);
    const chat = JSON.stringify(sandbox.controls.chat());
    expect(chat).toContain('the watchdog took over');
  }, 120_000);

  it('whose store is gone comes back from the ConfigMap, and is closed when the store is back', async () => {
    await begin(10);
    await redis.halt();
    await until(isBack, 60_000);
    await redis.resume();
    await until(async () => (await seen())?.state === 'rolledBack', 60_000);
    expect((await history()).map(({ kind }) => kind)).toContain('watchdog.claimed');
    expect(await isBack()).toBe(true);
  }, 180_000);
});
