import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, apiClient, CannotReachError, RefusedError } from '../../src/cli/client.ts';
import { isSameWeights, type Truth, truthReader } from '../../src/cli/demo/truth.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import { TransientError } from '../../src/ports/errors.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type CrashPlan, callsFile, deathFile, planFile } from '../fixtures/crashing-compose.ts';
import { buildCrashingFunctions } from '../fixtures/crashing-functions.ts';
import { type Counters, until } from '../fixtures/running-sandbox.ts';

const speed = 30;
const roundMsMax = 90_000;
const patienceMs = 60_000;
const path = '/v1/migrations/crashing';

/** A canary of one step: half of the traffic, judged as soon as there is anything to judge, and everything back. */
const canary = {
  apiVersion: 'sluice/v1',
  kind: 'Migration',
  metadata: { name: 'crashing' },
  spec: {
    source: 'istio-system/istio-ingressgateway',
    target: 'istio-system/ingressgateway-asm',
    steps: [{ share: 60, bake: '0s' }],
    finish: 'return',
    // The gateways tell what they count every tenth of a second by the wall: three seconds here, in which the target looks silent.
    settle: '5s',
    // Patience on a busy machine, where a minute is two seconds: what it takes to go back, and what it takes to count five requests is not what this test is about.
    breakGlassAfter: '1h',
    analysis: { errorRate: { harmBudget: '50%', minRequests: 5 }, patience: '24h' },
  },
};

interface Round {
  readonly end: End;
  /** Port calls while the share was shifted, by name, in their order. */
  readonly calls: readonly string[];
  /** Where the process died, null where the shift was over before. */
  readonly death: string | null;
}

/** What has to be the same whatever was killed. */
interface End {
  readonly state: string;
  readonly reason: string | null;
  readonly history: readonly string[];
  readonly verified: readonly string[];
  readonly isBaselineBack: boolean;
  readonly lost: number;
}

const sameEnd: End = {
  state: 'rolledBack',
  reason: 'the canary is over',
  history: ['command', 'started', 'step.verified', 'step.passed', 'rollback.started', 'rolledback'],
  verified: ['crashing: 60 per cent verified at the CLB'],
  isBaselineBack: true,
  lost: 0,
};

interface History {
  readonly history: readonly { readonly run: string; readonly kind: string; readonly text: string }[];
}

/** Calls that may change something outside of the process: after any other, dying is dying before the next. */
const effects = ['store.commit', 'router.write', 'router.seal', 'notifier.post', 'invoker.invoke'];
const callsMax = 80;

/**
 * Asks again while the answer is a passing one. At this speed an invocation has less than a second of wall time, and
 * on a busy machine one may run out of it.
 */
function insist<T>(read: () => Promise<T>): Promise<NonNullable<T>> {
  const passing = [CannotReachError, TransientError];
  return until<T | null>(
    () =>
      read().catch((error: unknown) => {
        if (passing.some((one) => error instanceof one)) return null;
        throw error;
      }),
    patienceMs,
  ) as Promise<NonNullable<T>>;
}

/** Of a start: the claims of the last run are still being given back, or this start was answered too late. */
function isTooEarly(error: unknown): boolean {
  return error instanceof RefusedError && error.status === 409;
}

describe('a shift during which the function process is killed', () => {
  let folder: string;
  let sandbox: Sandbox;
  let api: ApiClient;
  let readTruth: () => Promise<Truth>;
  let before: Truth;
  let rounds = 0;
  let lastRun: string | null = null;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-crash-'));
    await buildCrashingFunctions(folder);
    const options = { speed, controllerLatencyMs: 100, meshLatencyMs: 100 };
    sandbox = await startSandbox({ options, functionsFolder: folder, environment: {} });
    const { url, token } = sandbox.description.functions;
    api = apiClient({ server: url ?? '', token });
    readTruth = truthReader(sandbox.description);
    before = await readTruth();
  }, 60_000);

  afterAll(async () => {
    await sandbox?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts the next run and resolves with its id. */
  async function start(): Promise<string> {
    const isNew = (run: string): boolean => run !== lastRun;
    const started = await insist(async () => {
      try {
        return (await api.post<MigrationView>('/v1/migrations', canary)).run;
      } catch (error) {
        if (!isTooEarly(error)) throw error;
        const { run } = await insist(() => api.get<MigrationView>(path));
        return isNew(run) ? run : null;
      }
    });
    lastRun = started;
    return started;
  }

  async function play(plan: Omit<CrashPlan, 'round' | 'states'>): Promise<Round> {
    rounds += 1;
    const round = rounds;
    await writeFile(
      join(folder, planFile),
      JSON.stringify({ round, states: ['progressing.shifting'], ...plan } satisfies CrashPlan),
    );
    const run = await start();
    const view = await until(async () => {
      const seen = await insist(() => api.get<MigrationView>(path));
      return seen.isFinal ? seen : null;
    }, roundMsMax);
    const all = (await insist(() => api.get<History>(`${path}/history`))).history;
    const history = all.filter((line) => line.run === run);
    // Neither file is there where the migration was refused or nobody died.
    const calls = await readFile(join(folder, callsFile(round)), 'utf8').catch(() => '');
    return {
      end: {
        state: view.state,
        reason: view.reason,
        history: history.map(({ kind }) => kind),
        verified: history.filter(({ kind }) => kind === 'step.verified').map(({ text }) => text),
        isBaselineBack: isSameWeights(before, await insist(readTruth)),
        lost: (sandbox.controls.counters() as Counters).lost.sinceStart,
      },
      calls: calls
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
      death: await readFile(join(folder, deathFile(round)), 'utf8').catch(() => null),
    };
  }

  /** Kills at the first counted call, in the next round at the second, until a shift is over before its nth. */
  async function killAtEach(counted: CrashPlan['counted'], moment: CrashPlan['moment']): Promise<readonly string[]> {
    const deaths: string[] = [];
    for (let at = 1; at <= callsMax; at += 1) {
      const { end, death } = await play({ counted, at, moment });
      expect(end, `killed at call ${at}: ${death}`).toEqual(sameEnd);
      if (death === null) return deaths;
      deaths.push(death);
    }
    throw new Error(`a shift took more than ${callsMax} calls`);
  }

  it('writes both sides and verifies them when nobody disturbs it', async () => {
    const { end, calls, death } = await play({ counted: null, at: 0, moment: 'before' });
    expect(end).toEqual(sameEnd);
    expect(death).toBeNull();
    expect(calls.filter((name) => name === 'router.write')).toHaveLength(2);
    expect(new Set(calls)).toEqual(
      new Set(['store.load', 'store.commit', 'router.read', 'router.write', 'loadBalancer.describeGroups']),
    );
  });

  it('ends the same when the process is killed before any of its port calls', async () => {
    const deaths = await killAtEach(null, 'before');
    // Plan, write, write and verify, each with the load and the commit before it and after it.
    expect(deaths.length).toBeGreaterThanOrEqual(20);
    expect(deaths).toContain('before loadBalancer.describeGroups');
  }, 200_000);

  it('ends the same when the process is killed right after any call with an effect', async () => {
    const deaths = await killAtEach(effects, 'after');
    expect(deaths.length).toBeGreaterThanOrEqual(8);
  }, 120_000);

  // Counted by themselves: a round on a busy machine may load once more, and the nth of all calls is another one then.
  it.each(['before', 'after'] as const)(
    'ends the same when the process is killed %s the write of either side',
    async (moment) => {
      const deaths = await killAtEach(['router.write'], moment);
      expect(deaths.length).toBeGreaterThanOrEqual(2);
    },
    60_000,
  );
});
