import { CoreV1Api, CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { afterEach, describe, expect, it } from 'vitest';
import { annotationKey } from '../../src/domain/annotations.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { advance } from '../../src/engine/advance.ts';
import { type DryRun, dryRun } from '../../src/engine/plan.ts';
import { startMigration } from '../../src/engine/start.ts';
import type { SandboxOptions } from '../../src/sandbox/options.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { aProbe, aSample, aSpec, aStep } from '../fixtures/builders.ts';
import { until } from '../fixtures/running-sandbox.ts';
import { aWorld, type World } from '../fixtures/world.ts';

describe('a dry run', () => {
  const spoilt: readonly [string, (world: World) => void][] = [
    ['a listener that ignores weights', (world) => spoilListener(world, { scheduler: 'rr' })],
    ['a stopped, sticky listener', (world) => spoilListener(world, { status: 'stopped', isSticky: true })],
    ['a listener on another group', (world) => spoilListener(world, { group: 'rsp-other' })],
    ['a target that is raised already', (world) => world.drift('target', '10', 'kubectl')],
    ['a source weight that is none', (world) => world.drift('source', '12.5', 'kubectl')],
    ['probes that fail', (world) => Object.assign(world.probes, { source: false, target: false })],
    ['too many backends', (world) => Object.assign(world.side.target, { pods: 60 })],
    ['a target without pods', (world) => Object.assign(world.side.target, { pods: 0 })],
  ];
  it.each(spoilt)('finds what the preflight of a start would be refused for: %s', async (_, spoil) => {
    const world = aWorld();
    spoil(world);
    world.nowMs += 10_000;
    const spec = aSpec({ steps: [aStep(10), aStep(100)], probes: [aProbe()] });
    const { preflight } = await dryRun(world.ports, spec);
    const failed = preflight.checks.filter(({ status }) => status === 'fail');
    await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
    await advance(world.ports, spec.name, world.nowMs + 5_000);
    const record = await world.ports.store.load(spec.name);
    expect(failed.length).toBeGreaterThan(0);
    expect(record).toMatchObject({
      state: 'refused',
      snapshot: { context: { reason: failed.map(({ found }) => found).join('; ') } },
    });
  });

  it('passes every check where a start would go through', async () => {
    const world = aWorld();
    await world.ports.signals.record('shop-ingress', [aSample('source', 100, 0, { fromMs: world.nowMs, direct: 0 })]);
    const { preflight } = await dryRun(
      world.ports,
      aSpec({ steps: [aStep(10), aStep(90), aStep(100)], probes: [aProbe()] }),
    );
    expect(preflight.checks.every(({ status }) => status === 'pass')).toBe(true);
    const ids = preflight.checks.map(({ id }) => id);
    for (const id of [
      'mesh-answers',
      'target-weight',
      'source-weight',
      'target-ready',
      'source-ready',
      'source-serves',
      'target-idle',
      'listener',
      'scheduler',
      'stickiness',
    ]) {
      expect(ids.filter((one) => one === id)).toHaveLength(1);
    }
    expect(ids.filter((id) => id === 'share' || id === 'probe')).toEqual(['share', 'share', 'share', 'probe', 'probe']);
  });

  it('counts with the requests of the last five minutes, both sides together', async () => {
    const world = aWorld();
    await world.count('source', 900, 0);
    world.nowMs += 600_000;
    for (let second = 0; second < 10; second += 1) {
      await world.count('source', 90, 0);
      await world.count('target', 10, 0);
      world.nowMs += 1_000;
    }
    expect((await dryRun(world.ports, aSpec())).plan.requestsPerSecond).toBeCloseTo(100, 9);
  });
});

function spoilListener(world: World, change: Partial<World['listeners'][number]>): void {
  world.listeners = world.listeners.map((listener) => ({ ...listener, ...change }));
}

let sandbox: Sandbox | null = null;

afterEach(async () => {
  await sandbox?.stop();
  sandbox = null;
});

async function start(options: Partial<SandboxOptions>): Promise<Sandbox> {
  // Not sped up much: a function that starts on a busy machine has its 30 seconds of sandbox time.
  const quick = { speed: 2, controllerLatencyMs: 50, meshLatencyMs: 50, ratePerSecond: 0 };
  sandbox = await startSandbox({ options: { ...options, ...quick }, environment: {} });
  return sandbox;
}

async function planOn({ description }: Sandbox, asked: readonly number[]): Promise<Plan> {
  const { url, token } = description.functions;
  const spec = { source: 'istio-system/istio-ingressgateway', target: 'istio-system/ingressgateway-asm', steps: asked };
  const file = { apiVersion: 'sluice/v1', kind: 'Migration', metadata: { name: 'shop-ingress' }, spec };
  const answer = await fetch(`${url}/v1/migrations?dryRun=true`, {
    method: 'POST',
    headers: { 'x-sluice-token': token, 'content-type': 'application/json' },
    body: JSON.stringify(file),
  });
  const body = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${body}`);
  return (JSON.parse(body) as DryRun).plan;
}

function clientsOf({ description }: Sandbox) {
  const configOf = (file: string): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromFile(file);
    return config;
  };
  const ack = configOf(description.ack.kubeconfig).makeApiClient(CoreV1Api);
  const asm = configOf(description.asm.kubeconfig).makeApiClient(CustomObjectsApi);
  return { ack, asm };
}

/** Everything that a write would change: the version of either API server, the load balancers, the records. */
async function everything(one: Sandbox): Promise<unknown> {
  const { ack, asm } = clientsOf(one);
  const { url, token } = one.description.functions;
  const services = await ack.listServiceForAllNamespaces();
  const configMaps = await ack.listConfigMapForAllNamespaces();
  const gateways = (await asm.listCustomObjectForAllNamespaces({
    group: 'istio.alibabacloud.com',
    version: 'v1beta1',
    plural: 'istiogateways',
  } as never)) as { readonly metadata: { readonly resourceVersion: string } };
  const records = await fetch(`${url}/v1/migrations`, { headers: { 'x-sluice-token': token } });
  return {
    ack: services.metadata?.resourceVersion,
    services: services.items.map(({ metadata }) => metadata?.resourceVersion),
    configMaps: configMaps.items.length,
    asm: gateways.metadata.resourceVersion,
    weights: weightsAtClb(one),
    records: await records.json(),
  };
}

interface State {
  readonly loadBalancers: Readonly<
    Record<string, { readonly groups: Readonly<Record<string, { readonly backends: readonly { weight: number }[] }>> }>
  >;
}

/** By load balancer and group. Health is left out: backends become healthy while they are looked at. */
function weightsAtClb({ controls }: Sandbox): unknown {
  const { loadBalancers } = controls.state() as State;
  return Object.entries(loadBalancers).map(([id, { groups }]) =>
    Object.entries(groups).map(([group, { backends }]) => [id, group, ...backends.map(({ weight }) => weight)]),
  );
}

describe('a plan on the sandbox', { timeout: 90_000 }, () => {
  it.each([
    ['3 + 3 nodes', { sourceBackends: 3, targetBackends: 3, mode: 'cluster' as const }, [10, 50, 90], 2.94],
    ['20 + 20 nodes', { sourceBackends: 20, targetBackends: 20, mode: 'cluster' as const }, [16.67, 50, 83.33], 16.67],
    ['50 + 50 nodes', { sourceBackends: 50, targetBackends: 50, mode: 'cluster' as const }, [33.33, 50, 66.67], 33.33],
    ['40 + 4 pods', { sourceBackends: 40, targetBackends: 4, mode: 'eni' as const }, [9.09, 50, 71.43], 4.76],
  ])(
    'says what 10, 50 and 90 per cent are on %s, on every port, and writes nothing',
    async (_, options, achieved, smallest) => {
      const one = await start(options);
      const before = await everything(one);
      const { routes } = await planOn(one, [10, 50, 90]);
      expect(await everything(one)).toEqual(before);
      expect(before).toMatchObject({ configMaps: 0, records: { migrations: [] } });
      expect(routes.map(({ loadBalancer, ports }) => [loadBalancer, ...ports.map(({ port }) => port)])).toEqual([
        ['lb-public', 80, 443],
      ]);
      for (const port of routes[0]?.ports ?? []) {
        expect(port).toMatchObject({
          source: { backends: options.sourceBackends, mode: options.mode, weight: '100' },
          target: { backends: options.targetBackends, mode: options.mode, weight: '0' },
        });
        expect(port.smallestShare).toBeCloseTo(smallest, 2);
        port.steps.forEach((step, index) => {
          expect(step.achieved).toBeCloseTo(achieved[index] ?? Number.NaN, 2);
          expect(step.reachable).toBe(Math.abs((achieved[index] ?? 0) - step.asked) <= 2);
          expect(step.requests).toBeNull();
        });
      }
    },
  );

  it('raises a Local source without a weight annotation first: the target first would get 75 per cent', async () => {
    const one = await start({ mode: 'local' });
    const { ack } = clientsOf(one);
    await ack.patchNamespacedService(
      {
        name: 'istio-ingressgateway',
        namespace: 'istio-system',
        body: { metadata: { annotations: { [annotationKey('weight')]: null } } },
      },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    const plan = await until(async () => {
      const made = await planOn(one, [10]);
      return made.routes[0]?.ports[0]?.source.weight === null ? made : null;
    });
    for (const port of plan.routes[0]?.ports ?? []) {
      expect(port).toMatchObject({ source: { backends: 3, mode: 'local', weight: null } });
      expect(port.steps).toMatchObject([
        {
          weights: { source: 83, target: 11 },
          achieved: 10,
          reachable: true,
          writes: ['source', 'target'],
          between: { first: 'source', share: 0 },
        },
      ]);
    }
  });
});
