import { createHash, randomBytes } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Environment, loadConfig } from '../config.ts';
import { type InputProblem, InvalidInputError } from '../ports/errors.ts';
import { clusterIdsOf } from './cluster-ids.ts';
import { type KubeconfigOptions, type Kubeconfigs, readKubeconfigs } from './kubeconfigs.ts';
import { WrongUseError } from './run.ts';

export interface ServeOptions extends KubeconfigOptions {
  readonly ackId?: readonly string[];
  readonly data?: string;
  readonly port: string;
}

/** What `sluice serve` needs to begin. */
export interface Prepared {
  /** The environment as the functions would have it in the cloud. */
  readonly environment: Environment;
  /** A token that was made here, because nobody gave any; null where one was given. */
  readonly token: string | null;
  readonly port: number;
  /** Folder of the embedded store; null where the records are in Redis. */
  readonly folder: string | null;
}

const portMax = 65_535;
const defaultFolder = '.sluice';

/**
 * Puts options and environment together and checks both. Writes nothing.
 * @throws WrongUseError with every mistake, one a line
 */
export async function prepareServe(options: ServeOptions, given: Environment): Promise<Prepared> {
  const problems: InputProblem[] = [];
  const port = /^\d{1,5}$/.test(options.port) ? Number(options.port) : Number.NaN;
  if (!(port <= portMax)) problems.push({ path: '--port', message: `is a number from 0 to ${portMax}` });
  const { tokens, token } = tokensIn(given);
  const folder = given['REDIS_URL'] ? null : resolve(options.data ?? (given['SLUICE_DATA'] || defaultFolder));
  const kubeconfigs = hasKubeconfigs(options) ? await readKubeconfigs(options) : null;
  const environment: Record<string, string | undefined> = {
    ...given,
    ...(kubeconfigs === null ? {} : placesIn(kubeconfigs)),
    SLUICE_TOKENS: tokens,
    ...(folder === null ? {} : { SLUICE_DATA: folder }),
  };
  if (kubeconfigs !== null) {
    problems.push(...(await unreadable(kubeconfigs)));
    const ids = await idsOf(kubeconfigs, environment['SLUICE_MESHES'], options.ackId ?? [], problems);
    environment['SLUICE_CLUSTERS'] = clustersText(kubeconfigs, ids);
  }
  problems.push(...configProblems(environment));
  if (problems.length > 0) throw new WrongUseError(problems.map(lineOf).join('\n'));
  return { environment, token, port, folder };
}

function hasKubeconfigs({ sandbox, ackKubeconfig, asmKubeconfig }: ServeOptions): boolean {
  return sandbox !== undefined || ackKubeconfig !== undefined || asmKubeconfig !== undefined;
}

/** A token of SLUICE_TOKEN, or a new one, is an operator's; SLUICE_TOKENS says everything itself. */
function tokensIn(given: Environment): { readonly tokens: string; readonly token: string | null } {
  if (given['SLUICE_TOKENS']) return { tokens: given['SLUICE_TOKENS'], token: null };
  const known = given['SLUICE_TOKEN'] || null;
  const token = known ?? randomBytes(24).toString('base64url');
  const sha256 = createHash('sha256').update(token).digest('hex');
  return { tokens: JSON.stringify({ you: { role: 'operator', sha256 } }), token: known === null ? token : null };
}

/** Mesh, CLB and keys as the options say; what they do not say stays as the environment has it. */
function placesIn({ meshes, clb, entries }: Kubeconfigs): Environment {
  const files = Object.entries(meshes).map(([name, file]) => [name, { kubeconfig: `file:${file}` }]);
  const mesh = files.length === 0 ? {} : { SLUICE_MESHES: JSON.stringify(Object.fromEntries(files)) };
  if (clb === null) return mesh;
  const { regionId: region, endpoint, accessKeyId, accessKeySecret } = clb;
  return {
    ...mesh,
    SLUICE_CLB: JSON.stringify({ region, endpoint, protocol: 'http' }),
    SLUICE_CLB_ENTRIES: JSON.stringify(entries),
    // The gateways of the sandbox are on loopback.
    SLUICE_PROBE_LOOPBACK: 'allow',
    // Their listeners show certificates that are signed by nobody.
    SLUICE_PROBE_CERTIFICATES: 'any',
    ALIBABA_CLOUD_ACCESS_KEY_ID: accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: accessKeySecret,
    ALIBABA_CLOUD_SECURITY_TOKEN: undefined,
  };
}

async function unreadable({ clusters, meshes }: Kubeconfigs): Promise<readonly InputProblem[]> {
  const files = [
    ...Object.values(clusters).map((file) => ({ path: '--ack-kubeconfig', file })),
    ...Object.values(meshes).map((file) => ({ path: '--asm-kubeconfig', file })),
  ];
  const problems = files.map(async ({ path, file }): Promise<readonly InputProblem[]> => {
    try {
      await access(file, constants.R_OK);
      return [];
    } catch (error) {
      return [{ path, message: `cannot read ${file}: ${(error as NodeJS.ErrnoException).code}` }];
    }
  });
  return (await Promise.all(problems)).flat();
}

/**
 * Ids of the clusters at Alibaba Cloud, by name. The mesh is asked only where one cluster was given without its id, and
 * only while nothing else is wrong; what cannot be told is a further mistake.
 */
async function idsOf(
  { clusters }: Kubeconfigs,
  meshes: string | undefined,
  said: readonly string[],
  problems: InputProblem[],
): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(clusters);
  const [only = ''] = names;
  const pairs = said.map((text) => (text.includes('=') ? text.split('=', 2) : [only, text]));
  const ids: Record<string, string> = Object.fromEntries(pairs);
  const missing = names.filter((name) => !ids[name]);
  if (missing.length === 0) return ids;
  if (names.length > 1) {
    problems.push({ path: '--ack-id', message: `give NAME=ID for ${missing.join(', ')}` });
    return ids;
  }
  if (meshes === undefined) {
    problems.push({
      path: '--asm-kubeconfig',
      message: 'is missing (or --ack-id: the mesh tells the id of the cluster)',
    });
    return ids;
  }
  if (problems.length > 0) return ids;
  const found = await clusterIdsOf(meshes);
  const [id] = found;
  if (id !== undefined && found.length === 1) return { [only]: id };
  const told = found.length === 0 ? 'no IstioGateway names a cluster' : `the IstioGateways name ${found.join(', ')}`;
  problems.push({ path: '--ack-id', message: `is missing: ${told}` });
  return ids;
}

/** A cluster without an id keeps a placeholder, so that its id is the only mistake that is told of it. */
function clustersText({ clusters }: Kubeconfigs, ids: Readonly<Record<string, string>>): string {
  const entries = Object.entries(clusters).map(([name, file]) => [
    name,
    { id: ids[name] || 'unknown', kubeconfig: `file:${file}` },
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

function configProblems(environment: Environment): readonly InputProblem[] {
  const keys = ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALIBABA_CLOUD_ACCESS_KEY_SECRET'];
  const missing = keys
    .filter((path) => !environment[path])
    .map((path) => ({ path, message: 'is missing: the CLB is asked with it' }));
  try {
    loadConfig(environment);
    return missing;
  } catch (error) {
    if (error instanceof InvalidInputError) return [...error.problems, ...missing];
    throw error;
  }
}

function lineOf({ path, message }: InputProblem): string {
  const instead = path === 'SLUICE_CLUSTERS' && message === 'is missing' ? ' (or --ack-kubeconfig, or --sandbox)' : '';
  return `${path}: ${message}${instead}`;
}
