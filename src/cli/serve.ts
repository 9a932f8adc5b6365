import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { InvalidInputError, messageOf } from '../ports/errors.ts';
import { clusterIdsOf } from './cluster-ids.ts';

const exitCodes = { wrongUse: 2, cannotReach: 3 } as const;

interface ServeOptions {
  readonly ackKubeconfig?: string;
  readonly ackId?: string;
  readonly asmKubeconfig?: string;
  readonly sandbox?: string;
  readonly data: string;
  readonly port: string;
}

/** `sluice serve`: the built functions in one process, with their timers, until it is told to stop. */
export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description(
      'hosts the functions in one process: records in Redis (REDIS_URL) or in a folder, clusters by kubeconfig',
    )
    .option('--ack-kubeconfig <file>', 'kubeconfig of the ACK cluster (else SLUICE_CLUSTERS)')
    .option('--ack-id <id>', "the cluster's id at Alibaba Cloud (else the one that the IstioGateways name)")
    .option('--asm-kubeconfig <file>', 'kubeconfig of the mesh (else SLUICE_MESHES)')
    .option('--sandbox <file>', 'the JSON that `sluice sandbox` printed, in place of all of these')
    .option('--data <folder>', 'where records are kept without REDIS_URL', '.sluice')
    .option('--port <n>', 'port of the API on 127.0.0.1, 0 for a free one', '7080')
    .action(async (options: ServeOptions) => {
      process.exitCode = await serve(options);
    });
}

async function serve(options: ServeOptions): Promise<number> {
  try {
    const { environment, token } = await environmentFor(options);
    loadConfig(environment);
    const { startLocalFunctions } = await import('./local-functions.ts');
    const functions = await startLocalFunctions(environment, Number(options.port));
    const url = functions.urls['api'] ?? '';
    console.log(JSON.stringify({ url, ...(token === null ? {} : { token }) }));
    console.error(`serving ${url}; stop with Ctrl-C: nothing is lost, the next start goes on`);
    await new Promise<void>((stop) => {
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
    });
    await functions.stop();
    return 0;
  } catch (error) {
    console.error(`sluice serve: ${messageOf(error)}`);
    return error instanceof InvalidInputError ? exitCodes.wrongUse : exitCodes.cannotReach;
  }
}

type Environment = Record<string, string | undefined>;

/** The environment as the functions would have it, from what was said on the command line. */
async function environmentFor(options: ServeOptions): Promise<{ environment: Environment; token: string | null }> {
  const environment: Environment = { ...process.env };
  if (options.sandbox !== undefined) Object.assign(environment, await sandboxEnvironment(options.sandbox));
  if (options.asmKubeconfig !== undefined) {
    environment['SLUICE_MESHES'] = JSON.stringify({ asm: { kubeconfig: `file:${resolve(options.asmKubeconfig)}` } });
  }
  if (options.ackKubeconfig !== undefined) {
    const id = options.ackId ?? (await onlyClusterId(environment['SLUICE_MESHES']));
    environment['SLUICE_CLUSTERS'] = JSON.stringify({
      ack: { id, kubeconfig: `file:${resolve(options.ackKubeconfig)}` },
    });
  }
  if (!environment['REDIS_URL']) {
    environment['SLUICE_DATA'] ??= resolve(options.data);
    await mkdir(environment['SLUICE_DATA'], { recursive: true });
  }
  if (environment['SLUICE_TOKENS'] !== undefined) return { environment, token: null };
  const token = environment['SLUICE_TOKEN'] ?? randomBytes(24).toString('base64url');
  const sha256 = createHash('sha256').update(token).digest('hex');
  environment['SLUICE_TOKENS'] = JSON.stringify({ you: { role: 'operator', sha256 } });
  return { environment, token: environment['SLUICE_TOKEN'] === undefined ? token : null };
}

async function sandboxEnvironment(file: string): Promise<Environment> {
  const description = JSON.parse(await readFile(file, 'utf8')) as {
    readonly asm: { readonly kubeconfig: string };
    readonly clusters: Readonly<Record<string, { readonly kubeconfig: string }>>;
    readonly clb: Readonly<Record<'endpoint' | 'accessKeyId' | 'accessKeySecret' | 'regionId', string>>;
  };
  const meshes = JSON.stringify({ asm: { kubeconfig: `file:${description.asm.kubeconfig}` } });
  const id = await onlyClusterId(meshes);
  return {
    SLUICE_MESHES: meshes,
    SLUICE_CLUSTERS: JSON.stringify({ ack: { id, kubeconfig: `file:${description.clusters['ack']?.kubeconfig}` } }),
    SLUICE_CLB: JSON.stringify({
      region: description.clb.regionId,
      endpoint: description.clb.endpoint,
      protocol: 'http',
    }),
    SLUICE_PROBE_LOOPBACK: 'allow',
    ALIBABA_CLOUD_ACCESS_KEY_ID: description.clb.accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: description.clb.accessKeySecret,
  };
}

async function onlyClusterId(meshes: string | undefined): Promise<string> {
  const ids = meshes === undefined ? [] : await clusterIdsOf(meshes);
  const [id] = ids;
  if (id !== undefined && ids.length === 1) return id;
  const found = ids.length === 0 ? 'no IstioGateway names a cluster' : `the IstioGateways name ${ids.join(', ')}`;
  throw new InvalidInputError([{ path: '--ack-id', message: `say which cluster the kubeconfig is for: ${found}` }]);
}
