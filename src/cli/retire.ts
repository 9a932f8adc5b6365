import type { Command } from 'commander';
import { parseMigration } from '../api/migration-file.ts';
import { parseDuration } from '../api/values.ts';
import { canGo, type RetirementCheck, retirementChecks } from '../domain/retirement.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { type ClbOptions, clbClientFor, withClb } from './clb-access.ts';
import { clientsFor, type KubeconfigOptions, readKubeconfigs, withKubeconfigs } from './kubeconfigs.ts';
import { readPlaceFacts } from './retire-facts.ts';
import {
  type ExitCode,
  exitCodes,
  migrationsOf,
  outputOf,
  problemLines,
  run,
  type ServerOptions,
  WrongUseError,
  withServer,
} from './run.ts';
import { printable, table } from './show.ts';
import { problemsOf, readMigrationFile } from './start.ts';

interface RetireOptions extends KubeconfigOptions, ClbOptions, ServerOptions {
  readonly file: string;
  readonly quietFor: string;
}

/** `sluice retire -f FILE`: proves that nothing needs the old gateway any more, or says what does. It deletes nothing. */
export function retireCommand(program: Command): void {
  withServer(withClb(withKubeconfigs(program.command('retire')), 'reads weights and tags'))
    .description(
      'proves that the old gateway of a closed migration can go, or says what still needs it; deletes nothing',
    )
    .requiredOption('-f, --file <file>', 'the migration file')
    .option('--quiet-for <duration>', 'so long nothing may have been counted at it, 1m to 23h', '10m')
    .action((options: RetireOptions) => run(() => retire(options)));
}

async function retire(options: RetireOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const quietFor = options.quietFor;
  if (parseDuration(quietFor) === null)
    throw new WrongUseError(`--quiet-for is a duration such as 10m, not ${quietFor}`);
  const migrations = migrationsOf(options);
  const text = await readMigrationFile(options.file);
  const kubeconfigs = await readKubeconfigs(options);
  const clb = clbClientFor(kubeconfigs, options);
  if (clb === null) throw new WrongUseError('the CLB must be read: give --clb-region');
  const [mesh] = Object.keys(kubeconfigs.meshes);
  if (mesh === undefined) throw new WrongUseError('which mesh? Give --asm-kubeconfig FILE');
  const clients = clientsFor(kubeconfigs);
  try {
    const { name } = parseMigration(text);
    const [view, quiet] = await Promise.all([migrations.get(name), migrations.quiet(name, quietFor)]);
    const { routes } = view.spec;
    if (routes.length === 0) {
      const message = 'moves subsets of hosts inside of the mesh: no gateway is left over';
      throw new InvalidInputError([{ path: 'spec.routes', message }]);
    }
    const facts = await readPlaceFacts(clients, mesh, clb, routes);
    const counted = { ...quiet, fromMs: Date.parse(quiet.from), toMs: Date.parse(quiet.to) };
    const checks = retirementChecks({ ...facts, state: view.state, quiet: counted, quietFor });
    const isFree = canGo(checks);
    if (output === 'json') console.log(JSON.stringify({ name, canGo: isFree, checks }));
    else print(name, checks, isFree);
    return isFree ? exitCodes.done : exitCodes.no;
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, options.file)) console.error(printable(line));
    return exitCodes.no;
  } finally {
    clients.close();
  }
}

const marks = { pass: 'yes', fail: 'NO', unknown: 'cannot tell' } as const;

function print(name: string, checks: readonly RetirementCheck[], isFree: boolean): void {
  console.log(table(checks.map(({ status, id, found }) => [marks[status], id, found])));
  for (const { status, id, remedy } of checks) {
    if (status !== 'pass' && remedy !== null) console.error(printable(`${id}: ${remedy}`));
  }
  console.log(
    isFree
      ? printable(`Nothing needs the old gateway of ${name} any more. Sluice deletes nothing: take it away yourself.`)
      : printable(`The old gateway of ${name} is still needed, or it could not be told.`),
  );
}
