import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Leftover } from '../../src/domain/leftover.ts';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

interface Counters {
  readonly direct: Readonly<Record<'source' | 'target', { readonly sinceStart: { readonly requests: number } }>>;
  readonly gatewayConnections: Readonly<Record<'source' | 'target', { readonly total: number }>>;
  readonly connections: Readonly<Record<string, { readonly source: number }>>;
}

const speed = 10;
/** Requests a second of wall time, and so this many a minute of the sandbox's. */
const direct = 10;
const directPerMinute = (direct * 60) / speed;

let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-leftovers-'));
  sandbox = await startSandbox('--speed', String(speed), '--seed', '31', '--rate', '60', '--internal');
  operator = operatorOf(sandbox, home);
  await sandbox.control('PUT', '/clients', { direct });
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const counters = () => sandbox.control<Counters>('GET', '/counters');

function route(loadBalancer: string, source: string, target: string, ports: string): string {
  return `  - { loadBalancer: ${loadBalancer}, source: { cluster: ack, service: istio-system/${source} }, target: ${target}, ports: ${ports} }`;
}

const routes = [
  'routes:',
  route(
    'lb-public',
    sourceService,
    '{ mesh: asm, gateway: istio-system/ingressgateway-asm }',
    '{ 80: rsp-pub-80, 443: rsp-pub-443 }',
  ),
  route(
    'lb-internal',
    `${sourceService}-internal`,
    `{ cluster: ack, service: istio-system/${targetService}-2 }`,
    '{ 80: rsp-int-80 }',
  ),
];

/** All at once, for so long that the last minute of it is of nothing else. */
async function start(name: string): Promise<void> {
  const spec = [
    ...routes,
    'probe: { host: shop.example.com, path: /productpage, every: 5s, timeout: 30s }',
    'steps: [{ share: 100, bake: 3m }]',
    'notify: [ops]',
  ];
  const lines = ['apiVersion: sluice/v1', 'kind: Migration', `metadata: { name: ${name} }`, 'spec:'];
  const file = join(home, `${name}.yaml`);
  await writeFile(file, [...lines, ...spec.map((line) => `  ${line}`), ''].join('\n'));
  const { code, stderr } = await sandbox.sluice('start', '-f', file);
  if (code !== 0) throw new Error(`${name} did not start: ${stderr}`);
}

const told = (name: string, ...words: readonly string[]) =>
  until(async () => (await operator.chat(name)).find((text) => words.every((word) => text.includes(word))));

/** Whole requests are counted in whole intervals, by a machine that others use too. */
function expectAboutDirect({ direct: counted }: Leftover): void {
  expect(counted).toBeGreaterThan(directPerMinute * 0.7);
  expect(counted).toBeLessThan(directPerMinute * 1.3);
}

describe('at the end of a migration of two routes', () => {
  it('nothing is left on the connections of HTTP listeners, while callers in the cluster still use the source', async () => {
    const name = 'http-listeners';
    await start(name);
    const { leftovers } = await operator.isIn(name, 'completed');
    const none = { side: 'source', connections: 0, requests: 0, countedAt: 'loadBalancer' };
    expect(leftovers).toMatchObject([
      { loadBalancer: 'lb-public', ...none },
      { loadBalancer: 'lb-internal', ...none },
    ]);
    for (const leftover of leftovers) expectAboutDirect(leftover);
    const { direct: caller } = await counters();
    expect(caller.target.sinceStart.requests).toBe(0);
    await told(
      name,
      `${leftovers[0]?.direct} requests a minute reach the source past the CLB`,
      "use the name of the source's Service",
    );
    const { stdout } = await sandbox.sluice('get', name);
    expect(stdout).toMatch(/left +lb-public: no connection is open and no request came in the last minute/);

    await operator.send(name, 'rollback');
    const back = await operator.isIn(name, 'rolledBack');
    expect(back.leftovers).toMatchObject([
      { loadBalancer: 'lb-public', side: 'target', direct: 0, requests: null, countedAt: 'loadBalancer' },
      { loadBalancer: 'lb-internal', side: 'target', direct: 0, requests: null, countedAt: 'loadBalancer' },
    ]);
    for (const { connections } of back.leftovers) expect(connections).toBeGreaterThan(0);
  }, 120_000);

  it('clients of a TCP listener are still at the source, and it is said that they may be of either route', async () => {
    await operator.clb('DeleteLoadBalancerListener');
    await operator.clb('CreateLoadBalancerTCPListener', { VServerGroupId: 'rsp-pub-80', PersistenceTimeout: 0 });
    await operator.clb('StartLoadBalancerListener');
    await until(async () => (await counters()).connections['lb-public']?.source === 4);
    const name = 'tcp-listener';
    await start(name);
    const { leftovers } = await operator.isIn(name, 'completed');
    expect((await counters()).connections['lb-public']?.source).toBe(4);
    expect(leftovers).toMatchObject([
      { loadBalancer: 'lb-public', side: 'source', connections: 4, countedAt: 'gateway' },
      { loadBalancer: 'lb-internal', side: 'source', connections: 4, countedAt: 'gateway' },
    ]);
    for (const leftover of leftovers) {
      expectAboutDirect(leftover);
      expect(leftover.requests).toBeGreaterThan(directPerMinute);
    }
    await told(
      name,
      'lb-public, lb-internal (one gateway, not told apart): 4 connections open at the source',
      "restart its gateway's pods gradually",
    );
    expect((await counters()).gatewayConnections.source.total).toBe(4);
  }, 120_000);
});
