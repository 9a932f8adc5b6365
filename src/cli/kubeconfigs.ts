import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import * as v from 'valibot';
import { type KubernetesClients, kubernetesClients } from '../adapters/kubernetes/clients.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { messageOf } from '../ports/errors.ts';
import { WrongUseError } from './run.ts';

/** Options of the commands that ask the clusters themselves. */
export interface KubeconfigOptions {
  readonly ackKubeconfig?: readonly string[];
  readonly asmKubeconfig?: string;
  readonly sandbox?: string;
}

/** Paths of kubeconfigs, by the names that the clusters have in the installation. */
export interface Kubeconfigs {
  readonly clusters: Readonly<Record<string, string>>;
  readonly meshes: Readonly<Record<string, string>>;
  /** Of the sandbox, where it was named. */
  readonly clb: SandboxDescription['clb'] | null;
  /** Where the listeners of the sandbox's load balancers answer: load balancer -> port -> URL. Empty without a sandbox. */
  readonly entries: SandboxDescription['entries'];
}

const description = v.object({
  asm: v.object({ kubeconfig: v.string() }),
  clusters: v.record(v.string(), v.object({ kubeconfig: v.string() })),
  clb: v.object({ endpoint: v.string(), accessKeyId: v.string(), accessKeySecret: v.string(), regionId: v.string() }),
  entries: v.optional(v.record(v.string(), v.record(v.string(), v.string())), {}),
});
type SandboxDescription = v.InferOutput<typeof description>;

const descriptionBytesMax = 1024 * 1024;

export function withKubeconfigs(command: Command): Command {
  return command
    .option(
      '--ack-kubeconfig <[name=]file>',
      'kubeconfig of an ACK cluster, with its name in the installation; may be given several times',
      (one: string, before: readonly string[] = []) => [...before, one],
    )
    .option('--asm-kubeconfig <[name=]file>', 'kubeconfig of the mesh')
    .option('--sandbox <file>', 'the JSON that `sluice sandbox` printed, in place of these; - reads it from stdin');
}

/** @throws WrongUseError where the options name no cluster, or a file that cannot be read */
export async function readKubeconfigs(options: KubeconfigOptions): Promise<Kubeconfigs> {
  if (options.sandbox !== undefined) {
    const { asm, clusters, clb, entries } = await readDescription(options.sandbox);
    const files = Object.entries(clusters).map(([name, { kubeconfig }]) => [name, kubeconfig]);
    return { clusters: Object.fromEntries(files), meshes: { asm: asm.kubeconfig }, clb, entries };
  }
  const clusters = Object.fromEntries((options.ackKubeconfig ?? []).map((text) => named(text, 'ack')));
  if (Object.keys(clusters).length === 0) {
    throw new WrongUseError('which clusters? Give --ack-kubeconfig FILE, or --sandbox FILE');
  }
  const meshes = options.asmKubeconfig === undefined ? {} : Object.fromEntries([named(options.asmKubeconfig, 'asm')]);
  return { clusters, meshes, clb: null, entries: {} };
}

/** Clients for the kubeconfigs; ids as far as they are known (`unknown` where nothing is compared with them). */
export function clientsFor(
  { clusters, meshes }: Kubeconfigs,
  ids: Readonly<Record<string, string>> = {},
): KubernetesClients {
  const cluster = ([name, file]: [string, string]) => [
    name,
    { id: ids[name] ?? `unknown-${name}`, kubeconfig: `file:${file}` },
  ];
  const mesh = ([name, file]: [string, string]) => [name, { kubeconfig: `file:${file}` }];
  return kubernetesClients({
    clusters: Object.fromEntries(Object.entries(clusters).map(cluster)),
    meshes: Object.fromEntries(Object.entries(meshes).map(mesh)),
    clock: systemClock(),
  });
}

/** `ack-2=/path` or a path alone. */
function named(text: string, name: string): readonly [string, string] {
  const match = /^([a-z0-9][-a-z0-9]{0,39})=(.+)$/.exec(text);
  return match ? [match[1] ?? name, resolve(match[2] ?? '')] : [name, resolve(text)];
}

async function readDescription(file: string): Promise<SandboxDescription> {
  const value = file === '-' ? await fromStdin() : await fromFile(file);
  const result = v.safeParse(description, value);
  if (result.success) return result.output;
  throw new WrongUseError(
    `${file} is not what \`sluice sandbox\` prints: ${v.getDotPath(result.issues[0]) ?? 'all of it'}`,
  );
}

async function fromFile(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new WrongUseError(`cannot read ${file}: ${messageOf(error)}`);
  }
}

/** The sandbox stays up after it printed, so its end of the pipe never closes: the object is read as soon as it is whole. */
async function fromStdin(): Promise<unknown> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > descriptionBytesMax) break;
    const value = tryParse(text);
    if (value !== undefined) return value;
  }
  throw new WrongUseError('stdin ended before the JSON of `sluice sandbox` was whole');
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not whole yet.
    return undefined;
  }
}
