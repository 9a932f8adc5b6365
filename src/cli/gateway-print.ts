import { stringify } from 'yaml';
import { parseMigration } from '../api/migration-file.ts';
import { formatPath } from '../api/problems.ts';
import { type Draft, isPair } from '../domain/draft.ts';
import { checkGateway } from '../domain/gateway/check-gateway.ts';
import { listenerNotes } from '../domain/gateway/listener-notes.ts';
import { gatewayNamespace } from '../domain/gateway/shape.ts';
import { serverlessGateway } from '../domain/gateway/target-manifest.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { type ClbOptions, clbFor } from './clb-access.ts';
import { type ApplyOptions, applyTarget } from './gateway-apply.ts';
import {
  findGateway,
  prepareTarget,
  serverlessRefusal,
  type Target,
  type TargetObject,
  thereLines,
} from './gateway-target.ts';
import { clientsFor, type KubeconfigOptions, type Kubeconfigs, readKubeconfigs } from './kubeconfigs.ts';
import { idsOf } from './rescue-clusters.ts';
import { type ExitCode, exitCodes, type Output, problemLines, WrongUseError } from './run.ts';
import { printable } from './show.ts';
import { problemsOf, readMigrationFile } from './start.ts';

export interface PrintOptions extends KubeconfigOptions, ClbOptions {
  readonly file: string;
  readonly ackId?: readonly string[];
  readonly serverless?: boolean;
  readonly apply?: ApplyOptions;
}

/**
 * `sluice gateway -f FILE`: prints what the target of a migration needs, made after its source; `--apply` creates it.
 * Nothing is created where anything of the input is wrong.
 */
export async function printTarget(options: PrintOptions, output: Output): Promise<ExitCode> {
  const text = await readMigrationFile(options.file);
  const kubeconfigs = await readKubeconfigs(options);
  const [mesh] = Object.keys(kubeconfigs.meshes);
  if (mesh === undefined) throw new WrongUseError('which mesh? Give --asm-kubeconfig FILE');
  try {
    const draft = parseMigration(text);
    return await work(draft, mesh, kubeconfigs, options, output);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, options.file)) console.error(printable(line));
    if (options.apply !== undefined) console.error('Nothing was created.');
    return exitCodes.no;
  }
}

async function work(
  draft: Draft,
  mesh: string,
  kubeconfigs: Kubeconfigs,
  options: PrintOptions,
  output: Output,
): Promise<ExitCode> {
  const isServerless = options.serverless === true;
  refuseWrongKind(draft, isServerless);
  const ids = isServerless ? {} : await allIdsOf(kubeconfigs, options.ackId ?? []);
  const clients = clientsFor(kubeconfigs, ids);
  try {
    const target = isServerless ? await serverless(draft) : await prepareTarget(clients, mesh, draft);
    const notes = [...target.notes, ...(isServerless ? [] : await notesOfListeners(target, kubeconfigs, options))];
    for (const note of notes) console.error(printable(`note: ${note}`));
    if (options.apply !== undefined) return await applyTarget(clients, mesh, target, options.apply, output);
    print(target, mesh, notes, output);
    return exitCodes.done;
  } finally {
    clients.close();
  }

  async function serverless({ name }: Draft): Promise<Target> {
    const named = { namespace: gatewayNamespace, name: `${name}-asm` };
    const manifest = serverlessGateway(named);
    const wrong = checkGateway(manifest).filter(({ status }) => status === 'fail');
    if (wrong.length > 0)
      throw new InvalidInputError(wrong.map(({ path, message }) => ({ path: formatPath(path), message })));
    const isThere = (await findGateway(clients, mesh, named)) !== null;
    return { gateway: { cluster: null, manifest, isThere, differences: [] }, services: [], shared: [], notes: [] };
  }
}

/** The ids go into the gateway, so each one must be known. @throws WrongUseError where one is not */
async function allIdsOf(kubeconfigs: Kubeconfigs, given: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const ids = await idsOf(kubeconfigs, given);
  const missing = Object.keys(kubeconfigs.clusters).filter((name) => (ids[name] ?? '') === '');
  if (missing.length === 0) return ids;
  throw new WrongUseError(`which cluster is which? Give --ack-id NAME=ID for ${missing.join(', ')} as well`);
}

function refuseWrongKind({ routes, subsets }: Draft, isServerless: boolean): void {
  const hasBalancers = isPair(routes) || routes.length > 0;
  if (hasBalancers && isServerless) {
    throw new InvalidInputError([{ path: isPair(routes) ? 'spec.target' : 'spec.routes', message: serverlessRefusal }]);
  }
  if (hasBalancers || isServerless || subsets.length === 0) return;
  const message = 'moves subsets of hosts inside of the mesh, which needs no gateway; --serverless prints one';
  throw new InvalidInputError([{ path: 'spec.routes', message }]);
}

async function notesOfListeners(
  { shared }: Target,
  kubeconfigs: Kubeconfigs,
  options: PrintOptions,
): Promise<readonly string[]> {
  const clb = clbFor(kubeconfigs, options);
  if (clb === null) return ['the listeners of the CLB were not read: give --clb-region'];
  const found = await Promise.all(
    shared.map(async (one) => listenerNotes(one, await clb.describeListeners(one.loadBalancer))),
  );
  return [...new Set(found.flat())];
}

function print(target: Target, mesh: string, notes: readonly string[], output: Output): void {
  const objects = [target.gateway, ...target.services];
  if (output === 'json') {
    const answer = objects.map(({ cluster, manifest, isThere, differences }) => ({
      ...(cluster === null ? { mesh } : { cluster: cluster.name }),
      isThere,
      differences: differences.map(({ path, ...rest }) => ({ path: formatPath(path), ...rest })),
      object: manifest,
    }));
    console.log(JSON.stringify({ objects: answer, notes }));
    return;
  }
  for (const object of objects) for (const line of thereLines(object)) console.error(printable(line));
  console.log(
    objects
      .map((object) => documentOf(object, mesh))
      .join('---\n')
      .trimEnd(),
  );
}

/** Where it belongs stands above it, because the two are two API servers; YAML 1.1 is what kubectl reads. */
function documentOf({ cluster, manifest }: TargetObject, mesh: string): string {
  const where = cluster === null ? `the API server of the mesh (${mesh})` : `the cluster ${cluster.name}`;
  return `# For ${where}.\n${stringify(manifest, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })}`;
}
