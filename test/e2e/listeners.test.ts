import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

let home: string;
let sandbox: RunningSandbox | null = null;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-listeners-'));
});

afterEach(async () => {
  await sandbox?.stop();
  sandbox = null;
});

afterAll(() => rm(home, { recursive: true, force: true }));

interface Counters {
  readonly source: { readonly sinceStart: { readonly requests: number } };
  readonly target: { readonly sinceStart: { readonly requests: number } };
  readonly connections: Readonly<Record<string, { readonly source: number; readonly target: number }>>;
}

const connections = async (here: RunningSandbox) =>
  (await here.control<Counters>('GET', '/counters')).connections['lb-public'];

async function listener(here: RunningSandbox): Promise<Record<string, unknown>> {
  interface State {
    readonly loadBalancers: Record<string, { readonly listeners: Record<string, Record<string, unknown>> }>;
  }
  return (await here.control<State>('GET', '/state')).loadBalancers['lb-public']?.listeners['80'] ?? {};
}

describe('a sandbox whose listener a person changes at the API', () => {
  it('tells how the listener spreads its requests, and where it is', async () => {
    sandbox = await startSandbox('--speed', '20');
    const entry = sandbox.description.entries['lb-public']?.['80'];
    const before = { protocol: 'http', status: 'running', scheduler: 'wrr', stickiness: null, entry };
    expect(await listener(sandbox)).toMatchObject(before);
    const sticky = { StickySession: 'on', StickySessionType: 'insert', CookieTimeout: 600 };
    await operatorOf(sandbox, home).clb('SetLoadBalancerHTTPListenerAttribute', { ...sticky, Scheduler: 'rr' });
    const now = { scheduler: 'rr', stickiness: { by: 'cookie', timeoutS: 600 } };
    expect(await listener(sandbox)).toMatchObject(now);
  });

  it('keeps its clients over TCP at a source of weight 0, and says how many are open there', async () => {
    sandbox = await startSandbox('--speed', '20');
    const here = sandbox;
    const operator = operatorOf(here, home);
    await operator.clb('DeleteLoadBalancerListener');
    await operator.clb('CreateLoadBalancerTCPListener', { VServerGroupId: 'rsp-pub-80', PersistenceTimeout: 0 });
    await operator.clb('StartLoadBalancerListener');
    const { entry } = await listener(here);
    expect(entry).toBe(here.description.entries['lb-public']?.['80']?.replace('http:', 'tcp:'));
    await until(async () => (await connections(here))?.source === 8);
    await operator.setWeights('rsp-pub-80', [
      ...(await operator.backends('rsp-pub-80', sourceService)).map((one) => ({ ...one, weight: 0 })),
      ...(await operator.backends('rsp-pub-80', targetService)).map((one) => ({ ...one, weight: 100 })),
    ]);
    const { source, target } = await here.control<Counters>('GET', '/counters');
    await until(async () => {
      const later = await here.control<Counters>('GET', '/counters');
      return later.source.sinceStart.requests > source.sinceStart.requests + 100;
    });
    const later = await here.control<Counters>('GET', '/counters');
    expect(later.target.sinceStart.requests).toBe(target.sinceStart.requests);
    expect(await listener(here)).toMatchObject({ protocol: 'tcp', connections: 8 });
    await here.control('PUT', '/clients', { connections: 12 });
    await until(async () => (await connections(here))?.target === 4);
    expect(await connections(here)).toEqual({ source: 8, target: 4 });
  });
});
