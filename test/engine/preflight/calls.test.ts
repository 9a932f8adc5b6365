import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Route } from '../../../src/domain/spec.ts';
import { checkAll } from '../../../src/engine/preflight/check-all.ts';
import type { Ports } from '../../../src/ports/ports.ts';
import { type Cloud, startCloud } from '../../adapters/clb/cloud.ts';
import { route, startWorld, type World } from '../../adapters/kubernetes/world.ts';
import { aSpec } from '../../fixtures/builders.ts';

/** A call that a busy machine keeps waiting must not be asked again: calls are counted. */
const timeoutMs = 20_000;

let cloud: Cloud;
let world: World;
beforeEach(async () => {
  [cloud, world] = await Promise.all([startCloud({ timeoutMs }), startWorld()]);
});
afterEach(() => Promise.all([cloud.stop(), world.stop()]));

/** The CLB's OpenAPI and both Kubernetes APIs of the sandbox, over the real clients. */
async function callsFor(routes: readonly Route[]): Promise<Readonly<Record<string, number>>> {
  const ports = {
    router: world.withAckKubeconfig(world.ack.kubeconfig, timeoutMs),
    loadBalancer: cloud.loadBalancer,
    store: { now: async () => 0 },
    signals: { read: async () => [] },
    alerts: { read: async () => [] },
    probe: { ask: async () => ({ isOk: true, detail: '200' }) },
  };
  await checkAll(ports as unknown as Ports, aSpec({ routes }));
  const calls: Record<string, number> = {};
  for (const action of cloud.asked) calls[action] = (calls[action] ?? 0) + 1;
  return calls;
}

const budget = {
  DescribeLoadBalancerListeners: 1,
  DescribeVServerGroups: 1,
  DescribeVServerGroupAttribute: 2,
  DescribeLoadBalancerAttribute: 1,
  ListTagResources: 1,
};

describe('a preflight asks the CLB', () => {
  it('once for its listeners, once for its groups, and once for each group', async () => {
    expect(await callsFor([route])).toEqual({ ...budget, DescribeHealthStatus: 1 });
  });

  it('no oftener where two routes share it', async () => {
    const routes = route.ports.map((port) => ({ ...route, ports: [port] }));
    // Health is told for a CLB as a whole, and each route takes its own look.
    expect(await callsFor(routes)).toEqual({ ...budget, DescribeHealthStatus: 2 });
  });

  it('and the clusters by reading alone', async () => {
    await callsFor([route]);
    expect(world.requests.length).toBeGreaterThan(10);
    expect([...new Set(world.requests.map(({ method }) => method))]).toEqual(['GET']);
  });
});
