import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, sourceService, targetService } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';
import { countsByKind } from '../fixtures/running-serve.ts';

const name = 'broken';
const groups = ['rsp-pub-80', 'rsp-pub-443'];
let home: string;
let sandbox: RunningSandbox;
let operator: Operator;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-break-glass-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '23', '--rate', '100');
  operator = operatorOf(sandbox, home);
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

async function isBackAtClb(): Promise<boolean> {
  const sums = groups.map(async (group) => [
    await sandbox.weights(group, sourceService),
    await sandbox.weights(group, targetService),
  ]);
  return (await Promise.all(sums)).every((weights) => weights.join(' ') === '33,33,33 0,0,0');
}

/** Changes with every reconcile of a Service that the cloud controller carried to its end. */
const hash = () =>
  operator.kubectl(
    sandbox.description.ack.kubeconfig,
    ...['get', 'service', targetService, '-o', 'jsonpath={.metadata.labels.service\\.beta\\.kubernetes\\.io/hash}'],
  );

describe('a step that fails while both Kubernetes APIs and the cloud controller are down', () => {
  it('is taken back straight at the CLB, and people are told so loudly', async () => {
    const judged = ['settle: 0s', 'analysis: { errorRate: { minRequests: 10 } }', 'breakGlassAfter: 10s'];
    await operator.start(name, 'steps: [{ share: 50, bake: 12h }]', 'deadline: 20h', 'notify: [ops]', ...judged);
    await operator.isIn(name, 'progressing.baking');
    await sandbox.control('PUT', '/faults', [
      { where: 'asm', kind: 'error', status: 503 },
      { where: 'ack', kind: 'error', status: 503 },
      { where: 'controller', kind: 'error' },
    ]);
    await sandbox.control('PUT', '/gateways/target', { errorRate: 1 });
    await until(isBackAtClb, 60_000);
    const { state, isFinal } = await operator.get(name);
    expect({ state, isFinal }).toEqual({ state: 'rollingBack', isFinal: false });
    const text = await until(async () =>
      (await operator.chat(name)).find((one) => one.includes('weights were set straight at the CLB')),
    );
    expect(text).toContain('past the cloud controller');
    expect(text).toContain('mend what keeps the controllers from it');
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 90_000);

  it('is taken back again when a reconcile of the controller brings the annotated weights', async () => {
    await sandbox.control('PUT', '/faults', [{ where: 'asm', kind: 'error', status: 503 }]);
    const before = await hash();
    const { kubeconfig } = sandbox.description.ack;
    await operator.kubectl(kubeconfig, 'annotate', 'service', targetService, 'example.com/touched=yes');
    // The Service still says 100, because its gateway cannot be written: so the controller gave the target its share.
    await until(async () => (await hash()) !== before);
    await until(isBackAtClb, 60_000);
    expect((await operator.get(name)).state).toBe('rollingBack');
  }, 90_000);

  it('ends only when the annotations agree with the CLB, once the APIs are back', async () => {
    await sandbox.control('DELETE', '/faults');
    await operator.isIn(name, 'rolledBack');
    expect([await operator.sourceWeight(), await operator.targetWeight()]).toEqual(['100', '0']);
    expect(await isBackAtClb()).toBe(true);
    expect(countsByKind(await operator.history(name))).toMatchObject({ 'rollback.brokeGlass': 1, rolledback: 1 });
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 90_000);
});
