import { setTimeout as wait } from 'node:timers/promises';
import { CoreV1Api, CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SandboxAddresses, takeAddresses } from '../../../src/sandbox/addresses.ts';
import { ClbModel } from '../../../src/sandbox/clb/model.ts';
import type { SandboxClock } from '../../../src/sandbox/clock.ts';
import type { CalledHost } from '../../../src/sandbox/data-plane/gateway-messages.ts';
import { Faults } from '../../../src/sandbox/faults.ts';
import { ackResources, asmResources } from '../../../src/sandbox/kubernetes/resource-types.ts';
import { type ApiServer, startApiServer } from '../../../src/sandbox/kubernetes/server.ts';
import { type Mesh, startMesh } from '../../../src/sandbox/mesh/mesh.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import { seed, seedOtherCluster } from '../../../src/sandbox/seeding.ts';
import { until } from '../function-compute/fixtures.ts';

const latencyMs = 1000;
const kind = { group: 'networking.istio.io', version: 'v1beta1', namespace: 'default' };
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const unready = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };

let nowMs: number;
let servers: Readonly<Record<'ack' | 'other' | 'asm', ApiServer>>;
let taken: SandboxAddresses[];
let mesh: Mesh;
let faults: Faults;
let pushed: (readonly CalledHost[])[];

/** Stands still until it is set forward. */
const clock: SandboxClock = {
  speed: 1,
  anchorMs: 0,
  now: () => nowMs,
  sleep: async (ms, signal) => {
    const end = nowMs + ms;
    while (nowMs < end && !signal?.aborted) await wait(2);
  },
};

beforeEach(async () => {
  nowMs = Date.now();
  faults = new Faults(seededRandom(1), clock.now);
  const start = (name: string, place: 'ack' | 'asm') =>
    startApiServer({ name, place, serves: place === 'ack' ? ackResources : asmResources, clock, faults });
  servers = { ack: await start('ack', 'ack'), other: await start('other', 'ack'), asm: await start('asm', 'asm') };
  const take = (at: number) =>
    takeAddresses({ random: seededRandom(at), mode: 'eni', backends: { source: 1, target: 1 } });
  taken = [await take(1), await take(2)];
  const [first, second] = taken as [SandboxAddresses, SandboxAddresses];
  const shared = { mode: 'eni', targetBackends: 1, now: clock.now } as const;
  await seedOtherCluster({ ...shared, kubeconfig: servers.other.kubeconfig, addresses: second, reviews: ['v3'] });
  await seed({
    ...shared,
    ack: servers.ack.kubeconfig,
    asm: servers.asm.kubeconfig,
    clb: new ClbModel({ random: seededRandom(1) }),
    clusterId: 'c-test',
    otherClusterIds: ['c-other'],
    sourceBackends: 1,
    addresses: first,
  });
  pushed = [];
  mesh = await startMesh({
    kubeconfig: servers.asm.kubeconfig,
    clusters: [servers.ack.kubeconfig, servers.other.kubeconfig],
    clock,
    faults,
    latencyMs,
    push: async (hosts) => void pushed.push(hosts),
    log: () => undefined,
  });
});

afterEach(async () => {
  await mesh.stop();
  await Promise.all([...Object.values(servers).map((one) => one.stop()), ...taken.map((one) => one.release())]);
});

function client<T>(server: ApiServer, api: new (...args: never[]) => T): T {
  const config = new KubeConfig();
  config.loadFromString(server.kubeconfig);
  return config.makeApiClient(api as never) as T;
}

const routeTo = (...weights: readonly (readonly [string, number])[]) => ({
  route: weights.map(([subset, weight]) => ({ destination: { host: 'reviews', subset }, weight })),
});

async function writeRoute(...weights: readonly (readonly [string, number])[]): Promise<void> {
  await client(servers.asm, CustomObjectsApi).createNamespacedCustomObject({
    ...kind,
    plural: 'virtualservices',
    body: {
      apiVersion: 'networking.istio.io/v1beta1',
      kind: 'VirtualService',
      metadata: { name: 'reviews', namespace: 'default' },
      spec: { hosts: ['reviews'], http: [routeTo(...weights)] },
    },
  });
}

/** What callers were told last: subset -> share, `!` for one without endpoints. */
const told = (): Readonly<Record<string, number>> => {
  const choices = pushed.at(-1)?.[0]?.routing.routes[0]?.choices ?? [];
  return Object.fromEntries(choices.map(({ subset, weight, isDead }) => [`${subset}${isDead ? '!' : ''}`, weight]));
};

const third = expect.closeTo(1 / 3, 5);
const half = expect.closeTo(1 / 2, 5);

/** Time enough for a watch to bring what was written. */
const seen = () => wait(300);

describe('the mesh', () => {
  it('begins with calls to the endpoints of all clusters alike', () => {
    expect(pushed).toHaveLength(1);
    expect(pushed[0]?.[0]).toMatchObject({ host: 'default/reviews', page: '/productpage', path: '/reviews/0' });
    expect(told()).toEqual({ v1: third, v2: third, v3: third });
    expect(mesh.subsets()).toEqual({
      'default/reviews': { v1: { errorRate: 0 }, v2: { errorRate: 0 }, v3: { errorRate: 0 } },
    });
  });

  it('brings a VirtualService to the callers when its latency is over, and not before', async () => {
    await writeRoute(['v1', 90], ['v3', 10]);
    nowMs += latencyMs - 1;
    await seen();
    expect(pushed).toHaveLength(1);
    nowMs += latencyMs;
    await until(() => pushed.length === 2);
    expect(told()).toEqual({ v1: 90, v3: 10 });
  });

  it('lets callers know of pods that are no longer ready, in any cluster', async () => {
    await client(servers.other, CoreV1Api).patchNamespacedPodStatus(
      { name: 'reviews-v3', namespace: 'default', body: unready },
      mergePatch,
    );
    await seen();
    nowMs += 2 * latencyMs;
    await until(() => pushed.length === 2);
    expect(told()).toEqual({ v1: half, v2: half });
    await client(servers.ack, CoreV1Api).deleteNamespacedPod({ name: 'reviews-v1', namespace: 'default' });
    await seen();
    nowMs += 2 * latencyMs;
    await until(() => pushed.length === 3);
    expect(told()).toEqual({ v2: 1 });
  });

  it('sends calls for a subset that lost its definition nowhere', async () => {
    await writeRoute(['v1', 50], ['v3', 50]);
    await client(servers.asm, CustomObjectsApi).deleteNamespacedCustomObject({
      ...kind,
      plural: 'destinationrules',
      name: 'reviews',
    });
    await seen();
    nowMs += 2 * latencyMs;
    await until(() => 'v3!' in told());
    expect(told()).toEqual({ 'v1!': 50, 'v3!': 50 });
  });

  it('tells an error rate at once, and of no subset that is not there', async () => {
    expect(await mesh.setSubset('default/reviews', 'v2', { errorRate: 0.5 })).toBe(true);
    expect(pushed.at(-1)?.[0]?.errorRates).toEqual({ v2: 0.5 });
    expect(mesh.subsets()['default/reviews']?.['v2']).toEqual({ errorRate: 0.5 });
    expect(await mesh.setSubset('default/reviews', 'v9', { errorRate: 1 })).toBe(false);
    expect(await mesh.setSubset('default/ratings', 'v1', { errorRate: 1 })).toBe(false);
    expect(pushed).toHaveLength(2);
  });

  it('keeps callers at the old routes while it stalls, whatever else they are told', async () => {
    faults.put([{ where: 'mesh', kind: 'stall' }]);
    await writeRoute(['v3', 100]);
    await seen();
    nowMs += 2 * latencyMs;
    await mesh.setSubset('default/reviews', 'v1', { errorRate: 1 });
    await seen();
    expect(pushed).toHaveLength(2);
    expect(told()).toEqual({ v1: third, v2: third, v3: third });
    faults.clear();
    await until(() => pushed.length === 3);
    expect(told()).toEqual({ v3: 1 });
  });
});
