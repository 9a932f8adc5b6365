import { setTimeout as wait } from 'node:timers/promises';
import { CoreV1Api, CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { annotationKey } from '../src/domain/annotations.ts';
import type { Plan, PortPlan, StepPlan } from '../src/domain/plan.ts';
import { shareOf } from '../src/domain/share.ts';
import type { Side } from '../src/domain/spec.ts';
import type { Counters } from '../src/sandbox/data-plane/counters.ts';
import type { SandboxOptions } from '../src/sandbox/options.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';

/**
 * Asked against achieved against observed: on sandboxes of several sizes the pairs of `plan` are written as annotations,
 * and the requests that the gateways then get are counted. Prints the table of docs/shares.md.
 */

const asked = [10, 50, 90] as const;
const requestsARow = 20_000;
const rowMsMax = 7_000;
const settleMsMax = 30_000;
const quietMsMax = 10_000;
const quick = { speed: 2, controllerLatencyMs: 100, meshLatencyMs: 100, ratePerSecond: 0 } as const;

interface Setup {
  readonly name: string;
  readonly options: Partial<SandboxOptions>;
  readonly hasSourceWeight: boolean;
}

const setups: readonly Setup[] = [
  setup('3 + 3 nodes', { sourceBackends: 3, targetBackends: 3, mode: 'cluster' }),
  setup('20 + 20 nodes', { sourceBackends: 20, targetBackends: 20, mode: 'cluster' }),
  setup('50 + 50 nodes', { sourceBackends: 50, targetBackends: 50, mode: 'cluster' }),
  setup('ENI, 40 + 4 pods', { sourceBackends: 40, targetBackends: 4, mode: 'eni' }),
  setup('Local, 3 + 3 nodes, no weight on the source', { sourceBackends: 3, targetBackends: 3, mode: 'local' }, false),
];

const services: Readonly<Record<Side, string>> = {
  source: 'istio-system/istio-ingressgateway',
  target: 'istio-system/istio-ingressgateway-asm',
};
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

export async function run(): Promise<void> {
  console.log(
    '| backends | smallest | asked | weights | between | achieved | at the CLB | observed | requests | reachable |',
  );
  console.log('| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |');
  for (const one of setups) await measureSetup(one);
}

function setup(name: string, options: Partial<SandboxOptions>, hasSourceWeight = true): Setup {
  return { name, options, hasSourceWeight };
}

async function measureSetup({ name, options, hasSourceWeight }: Setup): Promise<void> {
  const began = Date.now();
  const sandbox = await startSandbox({ options: { ...options, ...quick }, environment: {} });
  try {
    const writer = writerOf(sandbox);
    if (!hasSourceWeight) {
      await writer.write('source', null);
      await until(() => sumAtClb(sandbox, 'source') === (options.sourceBackends ?? 0));
    }
    const port = await planOn(sandbox);
    for (const step of port.steps) await measureStep(sandbox, writer, name, port, step);
  } finally {
    await sandbox.stop();
  }
  console.error(`${name}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

async function planOn({ description }: Sandbox): Promise<PortPlan> {
  const { url, token } = description.functions;
  const answer = await fetch(`${url}/v1/migrations?dryRun=true`, {
    method: 'POST',
    headers: { 'x-sluice-token': token, 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'sluice/v1',
      kind: 'Migration',
      metadata: { name: 'shares' },
      spec: {
        source: 'istio-system/istio-ingressgateway',
        target: 'istio-system/ingressgateway-asm',
        steps: [...asked],
      },
    }),
  });
  if (!answer.ok) throw new Error(`the plan is refused: ${answer.status} ${await answer.text()}`);
  const { plan } = (await answer.json()) as { readonly plan: Plan };
  const port = plan.routes[0]?.ports.find((one) => one.port === 80);
  if (port === undefined) throw new Error('port 80 is not planned');
  return port;
}

async function measureStep(
  sandbox: Sandbox,
  writer: Writer,
  name: string,
  port: PortPlan,
  step: StepPlan,
): Promise<void> {
  const { weights, backendWeights } = step;
  if (weights === null) throw new Error(`${name}: no weights for ${step.asked} per cent`);
  for (const side of step.writes) await writer.write(side, String(weights[side]));
  const planned = (side: Side): number => backendWeights[side].reduce((sum, one) => sum + one, 0);
  await until(
    () => sumAtClb(sandbox, 'source') === planned('source') && sumAtClb(sandbox, 'target') === planned('target'),
  );
  const atClb = shareOf(sumAtClb(sandbox, 'source'), sumAtClb(sandbox, 'target'));
  const { observed, requests } = await count(sandbox);
  const cells = [
    name,
    cell(port.smallestShare),
    cell(step.asked),
    `${weights.source} / ${weights.target}`,
    step.between === null ? '-' : cell(step.between.share),
    cell(step.achieved),
    cell(atClb),
    observed.toFixed(2),
    String(requests),
    step.reachable ? 'yes' : 'no',
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** Sends requests through the entry of port 80 until enough are answered, and counts when the last of them is. */
async function count({ controls }: Sandbox): Promise<{ readonly observed: number; readonly requests: number }> {
  const before = controls.counters() as Counters;
  const requestsOf = (side: Side): number => {
    return (controls.counters() as Counters)[side].sinceStart.requests - before[side].sinceStart.requests;
  };
  await controls.setClients({ ratePerSecond: 3000, connections: 32 });
  const endMs = Date.now() + rowMsMax;
  while (requestsOf('source') + requestsOf('target') < requestsARow && Date.now() < endMs) await wait(20);
  await controls.setClients({ ratePerSecond: 0 });
  // A busy machine answers what queues and reports it later: a request must not be counted in the next row.
  let last = -1;
  for (const endMs = Date.now() + quietMsMax; Date.now() < endMs; await wait(400)) {
    const now = requestsOf('source') + requestsOf('target');
    if (now === last) break;
    last = now;
  }
  const [source, target] = [requestsOf('source'), requestsOf('target')];
  return { observed: shareOf(source, target) ?? Number.NaN, requests: source + target };
}

interface State {
  readonly loadBalancers: Readonly<
    Record<string, { groups: Record<string, { backends: { owner: string | null; weight: number }[] }> }>
  >;
}

function sumAtClb({ controls }: Sandbox, side: Side): number {
  const state = controls.state() as State;
  const backends = state.loadBalancers['lb-public']?.groups['rsp-pub-80']?.backends ?? [];
  return backends.filter(({ owner }) => owner === services[side]).reduce((sum, { weight }) => sum + weight, 0);
}

interface Writer {
  /** Writes the weight annotation as a person with kubectl would; null takes it away. */
  write(side: Side, weight: string | null): Promise<void>;
}

function writerOf({ description }: Sandbox): Writer {
  const configOf = (file: string): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromFile(file);
    return config;
  };
  const ack = configOf(description.ack.kubeconfig).makeApiClient(CoreV1Api);
  const asm = configOf(description.asm.kubeconfig).makeApiClient(CustomObjectsApi);
  const namespace = 'istio-system';
  const key = annotationKey('weight');
  return {
    write: async (side, weight) => {
      if (side === 'source') {
        const body = { metadata: { annotations: { [key]: weight } } };
        await ack.patchNamespacedService({ name: 'istio-ingressgateway', namespace, body }, mergePatch);
        return;
      }
      const group = { group: 'istio.alibabacloud.com', version: 'v1beta1', plural: 'istiogateways' };
      const body = { spec: { serviceAnnotations: { [key]: weight } } };
      await asm.patchNamespacedCustomObject({ ...group, name: 'ingressgateway-asm', namespace, body }, mergePatch);
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  const endMs = Date.now() + settleMsMax;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error('the load balancer does not get the weights that were written');
    await wait(20);
  }
}

function cell(share: number | null): string {
  return share === null ? '-' : share.toFixed(2);
}
