import type { Command } from 'commander';
import { stringify } from 'yaml';
import { parseMigration } from '../api/migration-file.ts';
import { applyConfig } from './config-apply.ts';
import { differenceLines, namespaceOf, prepareConfig, type WantedConfig } from './config-target.ts';
import { clientsFor, type KubeconfigOptions, readKubeconfigs, withKubeconfigs } from './kubeconfigs.ts';
import {
  type ExitCode,
  exitCodes,
  type Output,
  type OutputOptions,
  outputOf,
  problemLines,
  run,
  WrongUseError,
  withOutput,
} from './run.ts';
import { printable } from './show.ts';
import { problemsOf, readMigrationFile } from './start.ts';

interface ConfigOptions extends KubeconfigOptions, OutputOptions {
  readonly file: string;
  readonly apply?: boolean;
}

/** `sluice config -f FILE`: what the mesh needs to serve through the target what the source serves. */
export function configCommand(program: Command): void {
  withOutput(withKubeconfigs(program.command('config')))
    .description(
      'prints or creates the mesh configuration of the target, made after the source’s, and tells what is left out',
    )
    .requiredOption('-f, --file <file>', 'the migration file')
    .option('--apply', 'creates what the mesh has not; what is there and differs is shown and left alone')
    .action((options: ConfigOptions) => run(() => config(options)));
}

async function config(options: ConfigOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const text = await readMigrationFile(options.file);
  const kubeconfigs = await readKubeconfigs(options);
  const [mesh] = Object.keys(kubeconfigs.meshes);
  if (mesh === undefined) throw new WrongUseError('which mesh? Give --asm-kubeconfig FILE');
  const clients = clientsFor(kubeconfigs);
  try {
    const wanted = await prepareConfig(clients, mesh, parseMigration(text));
    tell(wanted);
    if (options.apply === true) return await applyConfig(clients.mesh(mesh), wanted, output);
    print(wanted, mesh, output);
    return exitCodes.done;
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, options.file)) console.error(printable(line));
    if (options.apply === true) console.error('Nothing was created.');
    return exitCodes.no;
  } finally {
    clients.close();
  }
}

function tell({ objects, leftOut, notes }: WantedConfig): void {
  const lines = [
    ...notes.map((note) => `note: ${note}`),
    ...leftOut.map(({ object, reason, isNeeded }) => `${isNeeded ? 'needed' : 'left out'}: ${object} ${reason}`),
    ...objects.flatMap(differenceLines),
  ];
  for (const line of lines) console.error(printable(line));
}

function print({ namespaces, objects, leftOut, notes }: WantedConfig, mesh: string, output: Output): void {
  const all = [...namespaces.map(namespaceOf), ...objects.map(({ object }) => object)];
  if (output === 'json') {
    const answer = [
      ...namespaces.map((name) => ({ isThere: false, differences: [], object: namespaceOf(name) })),
      ...objects.map(({ isThere, differences, object }) => ({ isThere, differences, object })),
    ];
    console.log(JSON.stringify({ objects: answer, leftOut, notes }));
    return;
  }
  const head = `# For the API server of the mesh (${mesh}).\n`;
  const documents = all.map((object) =>
    stringify(object, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false }),
  );
  if (documents.length > 0) console.log(`${head}${documents.join('---\n')}`.trimEnd());
}
