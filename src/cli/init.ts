import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseMigration } from '../api/migration-file.ts';
import { messageOf } from '../ports/errors.ts';
import { describeLack, findPairs, type Pair, placeOf } from './find-pair.ts';
import {
  clientsFor,
  type KubeconfigOptions,
  type Kubeconfigs,
  readKubeconfigs,
  withKubeconfigs,
} from './kubeconfigs.ts';
import { readGateways } from './read-gateways.ts';
import { type ExitCode, exitCodes, type OutputOptions, outputOf, run, WrongUseError, withOutput } from './run.ts';
import { printable, table } from './show.ts';

interface InitOptions extends KubeconfigOptions, OutputOptions {
  readonly write?: string;
  readonly source?: string;
  readonly target?: string;
  readonly host?: string;
  readonly path?: string;
  readonly name?: string;
}

/** `sluice init`: finds the pair of gateways and writes the short form of the migration file. */
export function initCommand(program: Command): void {
  withOutput(withKubeconfigs(program.command('init')))
    .description('finds the gateways that share a load balancer and writes the migration file')
    .option('--source <[cluster/]namespace/name>', 'the Service, where there are several pairs')
    .option('--target <namespace/name>', 'the IstioGateway, where there are several pairs')
    .option('--host <host>', 'host of the probe, in place of the one found')
    .option('--path <path>', 'path of the probe, in place of the one found')
    .option('--name <name>', 'name of the migration')
    .option('--write <file>', 'writes there and not to stdout; refuses to overwrite')
    .action((options: InitOptions) => run(() => init(options)));
}

async function init(options: InitOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const kubeconfigs = await readKubeconfigs(options);
  if (Object.keys(kubeconfigs.meshes).length === 0) throw new WrongUseError('which mesh? Give --asm-kubeconfig FILE');
  const pairs = await pairsIn(kubeconfigs, options);
  const [pair] = pairs;
  if (pair === undefined || pairs.length > 1) return exitCodes.no;
  const probe = options.host === undefined ? pair.probe : { host: options.host, path: '/' };
  const chosen = { ...pair, probe: probe === null ? null : { ...probe, path: options.path ?? probe.path } };
  const text = migrationText(chosen, options.name ?? nameFor(chosen), Object.keys(kubeconfigs.clusters).length > 1);
  // What is written must be what `start` takes.
  parseMigration(text);
  if (chosen.probe === null) console.error('No host is bound to the source, so the file has no probe: add --host.');
  if (options.write !== undefined) await writeNew(options.write, text);
  if (output === 'json') console.log(JSON.stringify(summary(chosen, text, options.write ?? null)));
  else if (options.write === undefined) console.log(text.trimEnd());
  else console.error(`${options.write} is written; start it with: sluice start -f ${options.write}`);
  return exitCodes.done;
}

async function pairsIn(kubeconfigs: Kubeconfigs, { source, target }: InitOptions): Promise<readonly Pair[]> {
  const clients = clientsFor(kubeconfigs);
  try {
    console.error(`reading ${[...Object.keys(kubeconfigs.clusters), ...Object.keys(kubeconfigs.meshes)].join(', ')}`);
    const found = await readGateways(clients, Object.keys(kubeconfigs.meshes));
    const all = findPairs(found);
    const pairs = all.filter(
      (pair) =>
        (source === undefined || [placeOf(pair.source), sourceOf(pair)].includes(source)) &&
        (target === undefined || placeOf(pair.target) === target),
    );
    if (pairs.length > 1) tellChoice(pairs);
    else if (pairs.length === 0 && all.length > 0) tellChoice(all);
    else if (all.length === 0) for (const line of describeLack(found)) console.error(printable(line));
    return pairs;
  } finally {
    clients.close();
  }
}

function sourceOf({ source }: Pick<Pair, 'source'>): string {
  return `${source.cluster}/${placeOf(source)}`;
}

function tellChoice(pairs: readonly Pair[]): void {
  const rows = pairs.map(({ source, target, loadBalancer }) => [
    `--source ${sourceOf({ source })}`,
    `--target ${placeOf(target)}`,
    loadBalancer,
  ]);
  console.error(`Pairs of gateways that share a load balancer; choose one:\n${table(rows)}`);
}

/** The short form of design section 5; a cluster is named only where there are several to mean. */
function migrationText(
  { source, target, loadBalancer, groups, probe }: Pair,
  name: string,
  hasClusters: boolean,
): string {
  const place = placeOf(source);
  const from = hasClusters ? `{ cluster: ${source.cluster}, service: ${place} }` : place;
  const lines = [
    `# ${printable(loadBalancer)}: ${printable(groups.join(', '))}. Further load balancers of the same gateways are found when it starts.`,
    'apiVersion: sluice/v1',
    'kind: Migration',
    `metadata: { name: ${name} }`,
    'spec:',
    `  source: ${from}   # a Service`,
    `  target: ${placeOf(target)}   # an IstioGateway`,
    ...(probe === null
      ? []
      : [`  probe: { host: ${JSON.stringify(probe.host)}, path: ${JSON.stringify(probe.path)} }`]),
    '  steps: [10%, 50%, 90%, 100%]',
  ];
  return `${lines.join('\n')}\n`;
}

/** `shop-ingress` for shop.example.com, else the Service's own name. */
function nameFor({ source, probe }: Pair): string {
  const first =
    probe?.host
      .split('.')[0]
      ?.toLowerCase()
      .replace(/[^a-z0-9-]/g, '') ?? '';
  const name = first === '' ? source.name : `${first}-ingress`;
  return name.slice(0, 40).replace(/^-+|-+$/g, '');
}

function summary({ source, target, loadBalancer, groups, probe }: Pair, file: string, written: string | null) {
  return { source: placeOf(source), target: placeOf(target), loadBalancer, groups, probe, file, written };
}

/** @throws WrongUseError where there is such a file already */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new WrongUseError(
      code === 'EEXIST'
        ? `${file} is there already and is not overwritten`
        : `cannot write ${file}: ${code ?? messageOf(error)}`,
    );
  }
}
