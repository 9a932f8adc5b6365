import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

interface Counted {
  readonly requests: number;
  readonly errors: number;
}

type Subsets = Readonly<Record<string, Counted & { readonly last10s: Counted }>>;

const run = promisify(execFile);
let home: string;
let sandbox: RunningSandbox;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-mesh-'));
  sandbox = await startSandbox('--speed', '10', '--clusters', '1', '--mesh-latency', '2s');
}, 90_000);

afterAll(async () => {
  await sandbox.stop();
  await rm(home, { recursive: true, force: true });
});

const kubectl = async (kubeconfig: string, ...args: readonly string[]): Promise<string> =>
  (await run('kubectl', ['--kubeconfig', kubeconfig, ...args], { env: { ...process.env, HOME: home } })).stdout.trim();

const subsets = async (): Promise<Subsets> => {
  const { subsets } = await sandbox.control<{ subsets: Readonly<Record<string, Subsets>> }>('GET', '/counters');
  return subsets['default/reviews'] ?? {};
};

/** What the subsets of reviews counted of the next `calls` calls. */
async function next(calls: number): Promise<Readonly<Record<string, Counted>>> {
  const before = await subsets();
  return until(async () => {
    const now = await subsets();
    const more = Object.entries(now).map(([name, { requests, errors }]) => [
      name,
      { requests: requests - (before[name]?.requests ?? 0), errors: errors - (before[name]?.errors ?? 0) },
    ]) as [string, Counted][];
    return more.reduce((sum, [, { requests }]) => sum + requests, 0) >= calls ? Object.fromEntries(more) : null;
  });
}

describe('the mesh of a sandbox', () => {
  it('shows reviews to kubectl as Bookinfo has it in two clusters', async () => {
    const { ack, asm, clusters } = sandbox.description;
    const second = clusters['ack-2']?.kubeconfig ?? '';
    const pods = ['get', 'pods', '-l', 'app=reviews', '--no-headers', '-L', 'version'];
    expect((await kubectl(ack.kubeconfig, ...pods)).split('\n').map((line) => line.split(/\s+/))).toMatchObject([
      ['reviews-v1', '1/1', 'Running', '0', expect.anything(), 'v1'],
      ['reviews-v2', '1/1', 'Running', '0', expect.anything(), 'v2'],
    ]);
    expect(await kubectl(second, ...pods)).toMatch(/^reviews-v3 +1\/1 +Running /);
    for (const cluster of [ack.kubeconfig, second]) {
      expect(await kubectl(cluster, 'get', 'service', 'reviews', '--no-headers')).toMatch(/ClusterIP .* 9080\/TCP/);
    }
    expect(await kubectl(asm.kubeconfig, 'get', 'destinationrules', '-o', 'name')).toContain('/reviews');
    expect(await kubectl(asm.kubeconfig, 'get', 'virtualservices', '-o', 'name')).not.toContain('/reviews');
  });

  it('splits calls equally while no VirtualService says otherwise', async () => {
    const counted = await next(1500);
    for (const name of ['v1', 'v2', 'v3']) {
      expect(Math.abs((counted[name]?.requests ?? 0) - 500)).toBeLessThan(125);
      expect(counted[name]?.errors).toBe(0);
    }
  });

  it('sends all calls to v3 once seed 004’s VirtualService is applied, at no request’s cost', async () => {
    const file = join(home, 'virtual-service.yaml');
    await writeFile(
      file,
      `apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts:
    - reviews
  http:
  - route:
    - destination:
        host: reviews
        subset: v3
`,
    );
    await kubectl(sandbox.description.asm.kubeconfig, 'apply', '-f', file);
    await until(async () => {
      const { v1, v3 } = await next(50);
      return v1?.requests === 0 && (v3?.requests ?? 0) > 0;
    });
    expect(await next(300)).toMatchObject({ v1: { requests: 0 }, v2: { requests: 0 }, v3: { errors: 0 } });
    const { lost } = await sandbox.counters();
    expect(lost.sinceStart).toBe(0);
  });

  it('fails calls of one subset when told so, which its page does not show', async () => {
    expect(await sandbox.control('PUT', '/subsets/default/reviews/v3', { errorRate: 0.5 })).toEqual({ errorRate: 0.5 });
    await until(async () => ((await next(100))['v3']?.errors ?? 0) > 20);
    const { source, target } = await sandbox.counters();
    expect([source.sinceStart.errors, target.sinceStart.errors]).toEqual([0, 0]);
    await expect(sandbox.control('PUT', '/subsets/default/reviews/v4', { errorRate: 1 })).rejects.toThrow('404');
  });

  it('counts as errors the calls to a subset whose last pod is gone', async () => {
    await sandbox.control('PUT', '/subsets/default/reviews/v3', { errorRate: 0 });
    await until(async () => (await next(50))['v3']?.errors === 0);
    await kubectl(sandbox.description.clusters['ack-2']?.kubeconfig ?? '', 'delete', 'pod', 'reviews-v3');
    await until(async () => {
      const { v3 } = await next(50);
      return v3 !== undefined && v3.requests > 0 && v3.errors === v3.requests;
    });
  });
});
