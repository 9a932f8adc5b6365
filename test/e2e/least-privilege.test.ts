import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, apiClient, CannotReachError } from '../../src/cli/client.ts';
import { isSameWeights, type Truth, truthReader } from '../../src/cli/demo/truth.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import type { Role } from '../../src/sandbox/roles.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { documentedRoles } from '../fixtures/least-privilege.ts';
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts';
import { documentedUser } from '../fixtures/redis-users.ts';
import { until } from '../fixtures/running-sandbox.ts';

const refusals = /forbidden|Forbidden\.RAM|missing permission|AccessDenied|NOPERM|script can't/i;

let redis: RedisServer;
let sandbox: Sandbox;
let api: ApiClient;
let roles: Readonly<Record<string, Role>>;
let readTruth: () => Promise<Truth>;
let before: Truth;

beforeAll(async () => {
  redis = await startRedis();
  roles = await documentedRoles('lb-public');
  sandbox = await startSandbox({
    options: { speed: 3, ratePerSecond: 100, controllerLatencyMs: 500, meshLatencyMs: 500 },
    environment: { REDIS_URL: await documentedUser(redis, 'sluice', 'of-the-functions') },
    roles,
  });
  const { url, token } = sandbox.description.functions;
  api = apiClient({ server: url ?? '', token });
  readTruth = truthReader(sandbox.description);
  before = await readTruth();
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await redis?.stop();
});

const at = (name: string) => `/v1/migrations/${name}`;
const seen = (name: string) => api.get<MigrationView>(at(name)).catch(() => null);
const isBack = async (): Promise<boolean> => isSameWeights(before, await readTruth());
const logs = (): readonly string[] =>
  ['api', 'tick', 'step', 'schedule', 'watchdog'].flatMap((one) => sandbox.logs(one));

async function start(name: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
  const migration = {
    apiVersion: 'sluice/v1',
    kind: 'Migration',
    metadata: { name },
    spec: {
      source: 'istio-system/istio-ingressgateway',
      target: 'istio-system/ingressgateway-asm',
      probe: { host: 'shop.example.com', path: '/productpage' },
      notify: ['ops'],
      settle: '0s',
      ...spec,
    },
  };
  await until(
    async () => (await seen(name)) ?? (await api.post<MigrationView>('/v1/migrations', migration).catch(notYet)),
    60_000,
  );
}

/** On a machine that is busy an instance may need longer to start than a request has in compressed time. */
function notYet(error: unknown): null {
  if (error instanceof CannotReachError) return null;
  throw error;
}

async function isIn(name: string, state: string): Promise<MigrationView> {
  let last: MigrationView | null = null;
  const look = async (): Promise<MigrationView | null> => {
    const view = await seen(name);
    last = view ?? last;
    if (view?.isFinal && view.state !== state) throw new Error(`${view.state}: ${view.reason}`);
    return view?.state === state ? view : null;
  };
  return until(look, 120_000).catch((cause) => {
    const told = logs().filter((line) => refusals.test(line));
    throw new Error(`${name} did not come to ${state}: ${JSON.stringify([last, told]).slice(0, 3_000)}`, { cause });
  });
}

describe('with the documented rights and no others', () => {
  it('a migration goes to its end and back, verified at the CLB', async () => {
    await start('whole', {
      steps: [
        { share: 40, bake: '6s' },
        { share: 80, bake: '6s' },
      ],
      finish: 'return',
      analysis: { errorRate: { minRequests: 10 } },
    });
    await isIn('whole', 'rolledBack');
    expect(await isBack()).toBe(true);
    const { history } = await api.get<{ history: readonly { kind: string }[] }>(`${at('whole')}/history`);
    const kinds = history.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'step.verified')).toHaveLength(2);
    expect(kinds.at(-1)).toBe('rolledback');
    expect(JSON.stringify(sandbox.controls.chat())).toContain('whole (run');
    expect(logs().filter((line) => refusals.test(line))).toEqual([]);
  }, 200_000);

  it('a rollback sets the weights straight at the CLB when neither Kubernetes API answers', async () => {
    // What follows needs no verdict: fewer requests leave more of a busy machine to the functions.
    await put('/clients', { ratePerSecond: 5 });
    await start('broken-glass', { steps: [{ share: 50, bake: '1h' }], finish: 'return' });
    await isIn('broken-glass', 'progressing.baking');
    expect(await isBack()).toBe(false);
    const faults = ['ack', 'asm', 'controller'].map((where) => ({ where, kind: 'error', rate: 1, status: 503 }));
    await put('/faults', faults);
    await api.post(`${at('broken-glass')}/abort`, {}).catch(() => null);
    await until(isBack, 120_000);
    await fetch(`${sandbox.description.control.url}/faults`, { method: 'DELETE' });
    await isIn('broken-glass', 'rolledBack');
    expect(logs().filter((line) => refusals.test(line))).toEqual([]);
  }, 200_000);
});

async function put(path: string, body: unknown): Promise<void> {
  const answer = await fetch(`${sandbox.description.control.url}${path}`, {
    method: 'PUT',
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}
