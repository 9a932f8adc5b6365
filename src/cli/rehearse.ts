import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { parseMigration } from '../api/migration-file.ts';
import type { MigrationView } from '../domain/view.ts';
import type { DryRun } from '../engine/plan.ts';
import { isRefusing } from '../engine/preflight/check.ts';
import { confirm } from './confirm.ts';
import type { Migrations } from './migrations.ts';
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
import { perCent, printable, table } from './show.ts';
import { problemsOf, readMigrationFile } from './start.ts';
import { watch } from './watch.ts';

interface RehearseOptions extends ServerOptions {
  readonly file?: string;
  readonly yes?: boolean;
}

/** `sluice rehearse NAME`: how long writes take on this installation, told before the first real step. */
export function rehearseCommand(program: Command): void {
  withServer(program.command('rehearse'))
    .description(
      'moves the smallest share there is, brings it back and tries break glass, to measure how long it takes',
    )
    .argument('[name]', 'name of the migration: of NAME.yaml in this folder, or of its last run')
    .option('-f, --file <file>', 'the migration file, YAML or JSON')
    .option('--yes', 'does not ask')
    .action((name: string | undefined, options: RehearseOptions) => run(() => rehearse(name, options)));
}

async function rehearse(given: string | undefined, options: RehearseOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const migrations = migrationsOf(options);
  const file = fileOf(given, options);
  const text = file === null ? null : await readMigrationFile(file);
  try {
    const name = nameOf(given, text);
    const planned = await migrations.planRehearsal(name, text);
    const refused = planned.preflight.checks.filter(isRefusing);
    for (const { found } of refused) console.error(printable(`the preflight refuses it: ${found}`));
    if (refused.length > 0) return exitCodes.no;
    for (const line of exposure(planned)) console.error(line);
    if (options.yes !== true) await confirm(name, 'to go on');
    return await carryOut(migrations, name, text, output);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    for (const line of problemLines(problems, file ?? 'input')) console.error(line);
    return exitCodes.no;
  }
}

async function carryOut(
  migrations: Migrations,
  name: string,
  text: string | null,
  output: 'table' | 'json',
): Promise<ExitCode> {
  const begun = await migrations.rehearse(name, text);
  console.error(`the rehearsal of ${name} has started (run ${begun.run}); sluice abort ${name} ends it at once`);
  const end = await watch(migrations, name, output);
  if (end === null) return exitCodes.done;
  if (output === 'table') console.log(report(end));
  const isWhole = end.state === 'rolledBack' && end.rehearsal?.glass?.problem === null;
  return isWhole ? exitCodes.done : exitCodes.no;
}

function fileOf(name: string | undefined, { file }: RehearseOptions): string | null {
  if (file !== undefined) return file;
  const here = ['.yaml', '.yml', '.json'].map((end) => `${name ?? ''}${end}`);
  return here.find((one) => name !== undefined && existsSync(one)) ?? null;
}

function nameOf(given: string | undefined, text: string | null): string {
  const own = text === null ? null : parseMigration(text).name;
  if (own === null && given === undefined)
    throw new WrongUseError('which migration? Give its name, or its file with -f');
  if (own !== null && given !== undefined && own !== given) {
    throw new WrongUseError(`the file is of ${own}, not of ${given}`);
  }
  return own ?? given ?? '';
}

/** Which share of the traffic it will touch, said before anything is written. */
function exposure({ plan }: DryRun): readonly string[] {
  const ports = plan.routes.flatMap(({ loadBalancer, ports: all }) => all.map((port) => ({ loadBalancer, ...port })));
  const rate = plan.requestsPerSecond;
  return [
    'It writes a weight that moves nothing, then moves the smallest share there is until it is verified, and brings it back:',
    ...ports.map(({ loadBalancer, port, steps }) => {
      const achieved = steps.at(-1)?.achieved ?? null;
      const perSecond =
        rate === null || achieved === null ? '' : `, ${Number(((rate * achieved) / 100).toFixed(1))} a second`;
      return printable(`  ${loadBalancer}:${port}  ${perCent(achieved)} of new requests${perSecond}`);
    }),
    'Then it sets weights of the source straight at the CLB, without moving anything, and sets them back.',
  ];
}

const words = { shift: 'shift', rollback: 'rollback', glass: 'break glass' } as const;

function report({ name, state, reason, rehearsal }: MigrationView): string {
  if (rehearsal === null) return printable(`${name} ended ${state}: ${reason ?? ''}`);
  const rows = rehearsal.measured.map(({ what, share, writes, ms }) => [
    words[what],
    what === 'shift' ? `to ${perCent(share)}` : '',
    writes === null ? '-' : String(writes),
    seconds(ms),
  ]);
  const glass = rehearsal.glass?.problem ?? null;
  return [
    printable(`The rehearsal of ${name} ended ${state}${reason === null ? '' : `: ${reason}`}`),
    ...(rows.length === 0 ? [] : [table([['MEASURED', '', 'WRITES', 'UNTIL VERIFIED'], ...rows])]),
    ...(glass === null ? [] : [printable(`Break glass would not have worked: ${glass}`)]),
    ...(rehearsal.writeMs === null ? [] : [`sluice plan now counts with ${seconds(rehearsal.writeMs)} a write.`]),
  ].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
