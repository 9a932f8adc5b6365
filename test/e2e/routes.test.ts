import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../src/domain/view.ts';
import { type Operator, operatorOf } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

/** The two CLBs of one gateway, as seed 000 has them. */
const routes = `
    - loadBalancer: lb-public
      source: { cluster: ack, service: istio-system/istio-ingressgateway }
      target: { mesh: asm, gateway: istio-system/ingressgateway-asm }
      ports: { 80: rsp-pub-80, 443: rsp-pub-443 }
    - loadBalancer: lb-internal
      source: { cluster: ack, service: istio-system/istio-ingressgateway-internal }
      target: { cluster: ack, service: istio-system/istio-ingressgateway-asm-2 }
      ports: { 80: rsp-int-80 }`;

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-routes-'));
  sandbox = await startSandbox('--speed', '5', '--seed', '51', '--internal');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

async function fileOf(name: string, ...more: readonly string[]): Promise<string> {
  const file = join(home, `${name}.yaml`);
  const lines = [
    'apiVersion: sluice/v1',
    'kind: Migration',
    `metadata: { name: ${name} }`,
    'spec:',
    `  routes:${routes}`,
  ];
  const spec = ['settle: 5s', 'notify: [ops]', ...more].map((line) => `  ${line}`);
  await writeFile(file, [...lines, ...spec, ''].join('\n'));
  return file;
}

const sluice = async (...args: readonly string[]) => {
  const { code, stderr } = await sandbox.sluice(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
};

/** Shares at both CLBs now, port by port. */
const inWords = ({ ports }: MigrationView) =>
  ports.map(({ loadBalancer, port, share }) => `${loadBalancer}:${port} ${share}`).join(', ');
const shares = async (name: string) => inWords(await operator.get(name));

/** Per cent of so many requests that the gateways of the target answered, by their own counters. */
async function observedOf(requests: number): Promise<number> {
  await sandbox.control('PUT', '/clients', { ratePerSecond: 1500 });
  const before = await sandbox.counters();
  const counted = await until(async () => {
    const now = await sandbox.counters();
    const source = now.source.sinceStart.requests - before.source.sinceStart.requests;
    const target = now.target.sinceStart.requests - before.target.sinceStart.requests;
    return source + target >= requests ? { source, target } : null;
  }, 120_000);
  await sandbox.control('PUT', '/clients', { ratePerSecond: 200 });
  return (counted.target / (counted.source + counted.target)) * 100;
}

/** What the agent beside the gateways would say before a start: requests of each side, by the CLB they came through. */
async function countByLoadBalancer(name: string): Promise<void> {
  const { url, token } = sandbox.description.functions;
  const control = await sandbox.control<{ now?: number }>('GET', '/state');
  const from = Math.floor((control.now ?? Date.now()) / 1000) - 20;
  const samples = ['lb-public', 'lb-internal'].map((loadBalancer) => ({
    ...{ side: 'source', instance: 'agent', from, seconds: 5, requests: 100, errors: 0, loadBalancer },
  }));
  const answer = await fetch(`${url}/v1/migrations/${name}/signals`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ samples }),
  });
  expect(answer.status, await answer.clone().text()).toBe(202);
}

describe('two load balancers of one gateway', () => {
  it('move in lockstep, each verified on every port, and 20,000 requests are split as the weights say', async () => {
    await sluice(
      'start',
      '-f',
      await fileOf('together', 'steps: [{ share: 10, bake: 1h }, { share: 100, bake: 20s }]'),
    );
    await operator.isIn('together', 'progressing.baking');
    expect(await shares('together')).toBe('lb-public:80 10, lb-public:443 10, lb-internal:80 10');
    expect(Math.abs((await observedOf(20_000)) - 10)).toBeLessThan(1);
    const { entries } = await operator.get('together');
    expect(entries.map(({ loadBalancer, port, isOk }) => `${loadBalancer}:${port} ${isOk}`)).toEqual([
      'lb-public:80 true',
      'lb-public:443 true',
      'lb-internal:80 true',
    ]);
    await sluice('promote', 'together');
    await operator.isIn('together', 'completed');
    expect(await shares('together')).toBe('lb-public:80 100, lb-public:443 100, lb-internal:80 100');
    await sluice('rollback', 'together');
    await operator.isIn('together', 'rolledBack');
    expect(await shares('together')).toBe('lb-public:80 0, lb-public:443 0, lb-internal:80 0');
  }, 180_000);

  it('may not move one after the other where no signals tell them apart', async () => {
    // Only planned: as soon as it runs, the sandbox's own agent tells them apart.
    const file = await fileOf('unlabelled', 'routeOrder: sequential', 'steps: [50, 100]');
    const { code, stdout } = await sandbox.sluice('preflight', '-f', file);
    expect(code).toBe(1);
    expect(stdout).toContain('no sample of the last 5 minutes names lb-public, lb-internal');
  }, 90_000);

  it('move one after the other where signals tell them apart, and a failure on the second brings both back', async () => {
    await countByLoadBalancer('in-turn');
    const steps = 'steps: [{ share: 50, bake: 20s }, { share: 100, bake: 20s }]';
    await sluice('start', '-f', await fileOf('in-turn', 'routeOrder: sequential', steps));
    await operator.isIn('in-turn', 'progressing.shifting');
    const seen = new Set<string>();
    await until(async () => {
      const view = await operator.get('in-turn');
      if (view.isFinal) throw new Error(`${view.state}: ${view.reason}`);
      if (view.state === 'progressing.baking') seen.add(inWords(view));
      return view.route === 'lb-internal';
    }, 120_000);
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'lb-public:80 50, lb-public:443 50, lb-internal:80 0',
        'lb-public:80 100, lb-public:443 100, lb-internal:80 0',
      ]),
    );
    await sandbox.control('PUT', '/gateways/target', { errorRate: 0.5 });
    await operator.isIn('in-turn', 'rolledBack');
    expect(await shares('in-turn')).toBe('lb-public:80 0, lb-public:443 0, lb-internal:80 0');
    await sandbox.control('PUT', '/gateways/target', { errorRate: 0 });
  }, 180_000);
});
