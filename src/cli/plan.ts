import type { Command } from 'commander';
import { parseMigration } from '../api/migration-file.ts';
import { isReachable } from '../domain/plan.ts';
import type { DryRun } from '../engine/plan.ts';
import { isRefusing, readableId } from '../engine/preflight/check.ts';
import { planTable } from './plan-table.ts';
import {
  type ExitCode,
  exitCodes,
  migrationsOf,
  outputOf,
  problemLines,
  run,
  type ServerOptions,
  withServer,
} from './run.ts';
import { printable } from './show.ts';
import { problemsOf, readMigrationFile } from './start.ts';

export interface PlanOptions extends ServerOptions {
  readonly file: string;
}

/** `sluice plan -f FILE`: what each step will really be; exit code 1 where one cannot be reached. Writes nothing. */
export function planCommand(program: Command): void {
  withServer(program.command('plan'))
    .description('shows what a migration would do, and does nothing')
    .requiredOption('-f, --file <file>', 'the migration file, YAML or JSON')
    .action((options: PlanOptions) => run(() => plan(options)));
}

async function plan(options: PlanOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const dryRun = await askDryRun(options);
  if (dryRun === null) return exitCodes.no;
  console.log(output === 'json' ? JSON.stringify(dryRun.plan) : planTable(dryRun.plan));
  for (const line of refusals(dryRun)) console.error(line);
  const isWhole = dryRun.preflight.checks.every(({ id, status }) => id !== readableId || status === 'pass');
  return isWhole && isReachable(dryRun.plan) ? exitCodes.done : exitCodes.no;
}

/** What a start of the file would do and find; null where the file has mistakes, which are told with their lines. */
export async function askDryRun({ file, ...options }: PlanOptions): Promise<DryRun | null> {
  const migrations = migrationsOf(options);
  const text = await readMigrationFile(file);
  try {
    parseMigration(text);
    return await migrations.plan(text);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, file)) console.error(line);
    return null;
  }
}

/** What a start would be refused for beside its shares, which the table has. */
function refusals({ preflight }: DryRun): readonly string[] {
  return preflight.checks
    .filter((check) => isRefusing(check) && check.id !== 'share')
    .map(({ found }) => printable(`the preflight would refuse it: ${found}`));
}
