import type { Command } from 'commander';
import type { KubernetesClients } from '../adapters/kubernetes/clients.ts';
import { kubernetesRouter } from '../adapters/kubernetes/router.ts';
import { httpProbe } from '../adapters/probes/http-probe.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { formatDuration, parseDuration } from '../api/values.ts';
import type { Baseline } from '../domain/baseline.ts';
import { sideName } from '../domain/spec.ts';
import { virtualServiceName } from '../domain/subset-route.ts';
import { type Rescued, rescue } from '../engine/rescue.ts';
import type { TrafficRouter } from '../ports/traffic-router.ts';
import { type ClbOptions, clbFor, withClb } from './clb-access.ts';
import { confirm } from './confirm.ts';
import {
  clientsFor,
  type KubeconfigOptions,
  type Kubeconfigs,
  readKubeconfigs,
  withKubeconfigs,
} from './kubeconfigs.ts';
import { findBaseline, idsOf, renamed } from './rescue-clusters.ts';
import {
  type ExitCode,
  exitCodes,
  type Output,
  type OutputOptions,
  outputOf,
  run,
  WrongUseError,
  withOutput,
} from './run.ts';
import { perCent, printable, showSplit, table } from './show.ts';
import { assumedLoadBalancer, withoutMesh } from './without-clb.ts';

interface RescueOptions extends KubeconfigOptions, ClbOptions, OutputOptions {
  readonly ackId?: readonly string[];
  readonly namespace?: readonly string[];
  readonly for: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

const collect = (one: string, before: readonly string[] = []) => [...before, one];

/** `sluice rescue NAME`: puts the baseline back with kubeconfigs alone; no store, no functions, no server (design rule 9). */
export function rescueCommand(program: Command): void {
  withOutput(withClb(withKubeconfigs(program.command('rescue')), 'verifies'))
    .description('puts the baseline of a migration back, from a laptop, when everything else has failed')
    .argument('<name>', 'name of the migration')
    .option('--ack-id <[name=]id>', 'id of a cluster at Alibaba Cloud; needed where the mesh does not tell it', collect)
    .option('--namespace <namespace>', 'looks for the kept baseline only there; may be given several times', collect)
    .option('--for <duration>', 'gives up after so long', '10m')
    .option('--force', 'goes past the guards: also onto a source that is not healthy')
    .option('--yes', 'does not ask to type the name')
    .action((name: string, options: RescueOptions) => run(() => rescueMigration(name, options)));
}

async function rescueMigration(name: string, options: RescueOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const forMs = parseDuration(options.for);
  if (forMs === null) throw new WrongUseError(`--for is a duration such as 10m, not ${options.for}`);
  const given = await readKubeconfigs(options);
  const baseline = await findBaseline(name, given, options.namespace ?? null);
  const kubeconfigs = renamed(given, baseline);
  const clients = clientsFor(kubeconfigs, await idsOf(kubeconfigs, options.ackId ?? []));
  try {
    for (const line of describe(baseline)) console.error(line);
    if (options.yes !== true) await confirm(name, 'to put this back');
    const router = routerFor(clients, kubeconfigs, baseline, options);
    const clb = clbFor(kubeconfigs, options);
    const clock = systemClock();
    const ports = {
      clock,
      router,
      loadBalancer: clb ?? assumedLoadBalancer(router, baseline),
      probe: httpProbe({ clock }),
    };
    const onProgress = progress();
    const rescued = await rescue(ports, name, { forMsMax: forMs, isForced: options.force === true, onProgress });
    tell(name, rescued, clb !== null, output, forMs);
    return rescued.isVerified ? exitCodes.done : exitCodes.no;
  } finally {
    clients.close();
  }
}

function routerFor(
  clients: KubernetesClients,
  { meshes }: Kubeconfigs,
  baseline: Baseline,
  options: RescueOptions,
): TrafficRouter {
  const router = kubernetesRouter(clients, { namespaces: options.namespace ?? null });
  const needsMesh = baseline.routes.some(({ route }) => route.target.kind === 'gateway');
  if (baseline.subsets.length > 0 && Object.keys(meshes).length === 0) {
    throw new WrongUseError('the baseline is route weights in the mesh: give --asm-kubeconfig');
  }
  if (!needsMesh || Object.keys(meshes).length > 0) return router;
  console.error('Without --asm-kubeconfig the target keeps its weight; the source alone gets its own back.');
  return withoutMesh(router);
}

function describe({ routes, subsets, takenAtMs, run: id }: Baseline): readonly string[] {
  const weight = (text: string | null) => (text === null ? 'no weight annotation' : `weight ${text}`);
  return [
    `The baseline of run ${id}, taken at ${new Date(takenAtMs).toISOString()}:`,
    ...routes.map(({ route, source, target }) => {
      const sides = `${sideName(route.source)} ${weight(source.weight)}, ${sideName(route.target)} ${weight(target.weight)}`;
      return `  ${route.loadBalancer}: ${sides}`;
    }),
    ...subsets.map(({ route, split }) => `  ${virtualServiceName(route)} ${route.host}: ${showSplit(split)}`),
  ];
}

function progress(): (note: string) => void {
  let last = '';
  return (note) => {
    if (note !== last && note !== '') console.error(printable(note));
    last = note;
  };
}

function tell(name: string, rescued: Rescued, isClbAsked: boolean, output: Output, forMs: number): void {
  const { isVerified, note, achieved } = rescued;
  if (output === 'json') {
    console.log(
      JSON.stringify({ name, isVerified: isVerified && isClbAsked, isWritten: isVerified, isClbAsked, note, achieved }),
    );
    return;
  }
  if (!isVerified) console.log(printable(`${name} is not back after ${formatDuration(forMs)}: ${note}`));
  else if (isClbAsked) console.log(`The baseline of ${name} is back, verified at the CLB.`);
  else
    console.log(`The baseline of ${name} is back in Kubernetes. The CLB was not asked: give --clb-region to verify.`);
  const rows = achieved.map(({ loadBalancer, port, group, sourceWeight, targetWeight, share }) => [
    `${loadBalancer}:${port}`,
    group,
    `source ${sourceWeight}`,
    `target ${targetWeight}`,
    perCent(share),
  ]);
  if (isClbAsked && rows.length > 0) console.log(table(rows));
}
