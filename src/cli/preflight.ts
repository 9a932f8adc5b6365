import type { Command } from 'commander';
import { type Check, type CheckStatus, isRefusing } from '../engine/preflight/check.ts';
import { askDryRun, type PlanOptions } from './plan.ts';
import { type ExitCode, exitCodes, outputOf, run, withServer } from './run.ts';
import { printable } from './show.ts';

/** `sluice preflight -f FILE`: everything a start relies on; exit code 1 where it would be refused. Writes nothing. */
export function preflightCommand(program: Command): void {
  withServer(program.command('preflight'))
    .description('checks everything that a migration relies on, and says how to mend what is wrong')
    .requiredOption('-f, --file <file>', 'the migration file, YAML or JSON')
    .option('--all', 'shows the checks that pass as well')
    .action((options: PlanOptions & { readonly all?: boolean }) => run(() => preflight(options)));
}

async function preflight({ all = false, ...options }: PlanOptions & { readonly all?: boolean }): Promise<ExitCode> {
  const output = outputOf(options);
  const dryRun = await askDryRun(options);
  if (dryRun === null) return exitCodes.no;
  const { checks } = dryRun.preflight;
  console.log(output === 'json' ? JSON.stringify({ checks }) : checkTable(checks, all));
  return checks.some(isRefusing) ? exitCodes.no : exitCodes.done;
}

const worstFirst: readonly CheckStatus[] = ['fail', 'warn', 'unknown', 'pass'];
const labels: Readonly<Record<CheckStatus, string>> = {
  fail: 'FAIL',
  warn: 'WARN',
  unknown: 'CANNOT TELL',
  pass: 'PASS',
};

/** The checks for people, worst first, each with why it matters and what to paste; those that pass only where asked for. */
export function checkTable(checks: readonly Check[], all: boolean): string {
  const shown = worstFirst.flatMap((status) =>
    status === 'pass' && !all ? [] : checks.filter((check) => check.status === status),
  );
  const width = Math.max(0, ...shown.map(({ id }) => id.length));
  const blocks = shown.map((check) => block(check, width));
  return [...blocks, summary(checks)].join('\n');
}

function block({ id, status, found, why, remedy }: Check, width: number): string {
  const indent = ' '.repeat(labels.unknown.length + width + 4);
  return [
    `${labels[status].padEnd(labels.unknown.length)}  ${id.padEnd(width)}  ${printable(found)}`,
    ...(status === 'pass' ? [] : [`${indent}why: ${printable(why)}`]),
    ...(remedy === null ? [] : [`${indent}$ ${printable(remedy)}`]),
  ].join('\n');
}

function summary(checks: readonly Check[]): string {
  const count = (status: CheckStatus) => checks.filter((check) => check.status === status).length;
  const numbers = `${count('fail')} fail, ${count('warn')} warn, ${count('unknown')} cannot tell, ${count('pass')} pass`;
  return `${numbers}: ${checks.some(isRefusing) ? 'a start would be refused' : 'a start would go through'}`;
}
