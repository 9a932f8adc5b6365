import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { documentBytesMax } from '../api/document.ts';
import { parseMigration } from '../api/migration-file.ts';
import type { MigrationView } from '../domain/view.ts';
import { InvalidInputError, messageOf } from '../ports/errors.ts';
import { RefusedError } from './client.ts';
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
import { watch } from './watch.ts';

interface StartOptions extends ServerOptions {
  readonly file: string;
  readonly wait?: boolean;
}

/** `sluice start -f FILE`: checks the file here first, then starts it. */
export function startCommand(program: Command): void {
  withServer(program.command('start'))
    .description('starts a migration from its file')
    .requiredOption('-f, --file <file>', 'the migration file, YAML or JSON')
    .option('--wait', 'stays until it has ended; exit code 1 where it did not end as asked')
    .action((options: StartOptions) => run(() => start(options)));
}

async function start(options: StartOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const migrations = migrationsOf(options);
  const text = await readMigrationFile(options.file);
  try {
    parseMigration(text);
    const view = await migrations.start(text);
    if (options.wait !== true) {
      console.log(output === 'json' ? JSON.stringify(view) : startedText(view));
      return exitCodes.done;
    }
    console.error(`${view.name} has started (run ${view.run})`);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, options.file)) console.error(line);
    return exitCodes.no;
  }
  const end = await watch(migrations, parseMigration(text).name, output);
  return end === null || endedAsAsked(end) ? exitCodes.done : exitCodes.no;
}

/** A canary for schedules ends with the baseline back; for the others that is a failure. */
function endedAsAsked(view: MigrationView): boolean {
  if (view.state === 'completed' || view.state === 'closed') return true;
  const isCanary = view.spec.finish === 'return';
  return isCanary && view.state === 'rolledBack' && view.reason === 'the canary is over';
}

/** The mistakes in a file, whoever found them; none where the error is another. */
export function problemsOf(error: unknown) {
  if (error instanceof InvalidInputError) return error.problems;
  return error instanceof RefusedError ? (error.problem.problems ?? []) : [];
}

function startedText({ name, run: id }: MigrationView): string {
  return [`${name} has started (run ${id}).`, `  sluice get ${name} --watch`, `  sluice abort ${name}`].join('\n');
}

/** @throws WrongUseError where there is no such file, or it is far too large */
export async function readMigrationFile(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > documentBytesMax) throw new WrongUseError(`${file} is larger than ${documentBytesMax / 1024} KB`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof WrongUseError) throw error;
    throw new WrongUseError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? messageOf(error)}`);
  }
}
