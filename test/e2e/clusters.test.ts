import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, targetService, weightKey } from '../fixtures/operator.ts';
import { type RunningSandbox, startSandbox, until } from '../fixtures/running-sandbox.ts';

const name = 'everywhere';
const gateway = ['istiogateway', 'ingressgateway-asm'] as const;
let home: string;
let sandbox: RunningSandbox;
let operator: Operator;
/** Id of the added cluster, which has annotations of its own in the IstioGateway. */
let second: string;

interface Gateway {
  readonly spec: {
    readonly clusterIds: readonly string[];
    readonly serviceAnnotations: Readonly<Record<string, string>>;
    readonly overrides?: Readonly<Record<string, { readonly serviceAnnotations: Readonly<Record<string, string>> }>>;
  };
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sluice-e2e-clusters-'));
  sandbox = await startSandbox('--speed', '10', '--seed', '25', '--rate', '50', '--clusters', '1');
  operator = operatorOf(sandbox, home);
  const { spec } = await readGateway();
  second = spec.clusterIds[1] ?? '';
  await override({ ...spec.serviceAnnotations, 'example.com/cluster': 'second' });
  await until(async () => (await service('ack-2'))['example.com/cluster'] === 'second');
}, 90_000);

afterAll(async () => {
  await sandbox?.stop();
  await rm(home, { recursive: true, force: true });
});

const kubeconfigOf = (cluster: string): string => sandbox.description.clusters[cluster]?.kubeconfig ?? '';

async function readGateway(): Promise<Gateway> {
  return JSON.parse(await operator.kubectl(sandbox.description.asm.kubeconfig, 'get', ...gateway, '-o', 'json'));
}

async function override(serviceAnnotations: Readonly<Record<string, string>>): Promise<void> {
  const patch = JSON.stringify({ spec: { overrides: { [second]: { serviceAnnotations } } } });
  await operator.kubectl(sandbox.description.asm.kubeconfig, 'patch', ...gateway, '--type', 'merge', '-p', patch);
}

/** Annotations of the target's Service in one cluster. */
async function service(cluster: string): Promise<Readonly<Record<string, string>>> {
  const text = await operator.kubectl(kubeconfigOf(cluster), 'get', 'service', targetService, '-o', 'json');
  return (JSON.parse(text) as { metadata: { annotations: Record<string, string> } }).metadata.annotations;
}

/** The weight in the base, in the override, and of the Service in each cluster. */
async function everyWeight(): Promise<readonly (string | undefined)[]> {
  const { spec } = await readGateway();
  return [
    spec.serviceAnnotations[weightKey],
    spec.overrides?.[second]?.serviceAnnotations[weightKey],
    (await service('ack'))[weightKey],
    (await service('ack-2'))[weightKey],
  ];
}

const target = () => sandbox.weights('rsp-pub-443', targetService);

describe('a migration to a gateway that is in two clusters, one of them with annotations of its own', () => {
  it('writes base and override alike, and is verified at the backends of both', async () => {
    const steps = 'steps: [{ share: 40, bake: 12h }]';
    await operator.start(name, steps, 'deadline: 20h', 'notify: [ops]');
    const { share, ports } = await operator.isIn(name, 'progressing.baking');
    const [weight, ...others] = await everyWeight();
    expect(others).toEqual([weight, weight, weight]);
    expect(Number(weight)).toBeGreaterThan(0);
    const each = Math.floor(Number(weight) / 3);
    expect(await target()).toEqual(Array.from({ length: 6 }, () => each));
    expect(ports.map(({ targetWeight }) => targetWeight)).toEqual([6 * each, 6 * each]);
    expect(Math.abs((share.achieved ?? 0) - 40)).toBeLessThanOrEqual(2);
    expect((await service('ack-2'))['example.com/cluster']).toBe('second');
  }, 60_000);

  it('is held when somebody lowers the weight of one cluster, and says of which and who', async () => {
    const [ours] = await everyWeight();
    await override({ [weightKey]: '3' });
    const held = await operator.isIn(name, 'held');
    expect(held.reason).toContain(
      `target weight for cluster ${second} is "3", not "${ours}", last written by kubectl-patch`,
    );
    await override({ [weightKey]: ours ?? '' });
    await operator.isIn(name, 'progressing.baking');
  }, 60_000);

  it('is held when somebody changes the Service of one cluster alone, and says which', async () => {
    const [ours] = await everyWeight();
    const annotate = (weight: string) =>
      operator.kubectl(
        kubeconfigOf('ack-2'),
        'annotate',
        'service',
        targetService,
        `${weightKey}=${weight}`,
        '--overwrite',
      );
    await annotate('3');
    const held = await operator.isIn(name, 'held');
    expect(held.reason).toContain(
      `Service ack-2/istio-system/${targetService} has weight "3", not "${ours}", last written by kubectl-annotate`,
    );
    await annotate(ours ?? '');
    await operator.isIn(name, 'progressing.baking');
  }, 60_000);

  it('is rolled back in all of them together', async () => {
    await operator.send(name, 'abort');
    await operator.isIn(name, 'rolledBack');
    expect(await everyWeight()).toEqual(['0', '0', '0', '0']);
    expect(await target()).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await operator.sourceWeight()).toBe('100');
    expect((await service('ack-2'))['example.com/cluster']).toBe('second');
    expect((await sandbox.counters()).lost.sinceStart).toBe(0);
  }, 60_000);
});
