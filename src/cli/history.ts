import type { Command } from 'commander';
import { type ExitCode, exitCodes, migrationsOf, outputOf, run, type ServerOptions, withServer } from './run.ts';
import { printable, table } from './show.ts';

interface HistoryOptions extends ServerOptions {
  readonly signals?: string;
}

/** `sluice history NAME`: what happened, oldest first; with `--output jsonl` what the judge was fed, for `sluice judge`. */
export function historyCommand(program: Command): void {
  withServer(program.command('history'), 'table, json, or jsonl: the trace that sluice judge --samples reads')
    .description('shows what happened to a migration')
    .argument('<name>', 'name of the migration')
    .option('--signals <source>', 'with --output jsonl: the source of signals, where the migration has several')
    .action((name: string, options: HistoryOptions) =>
      run(() => (options.output === 'jsonl' ? trace(name, options) : history(name, options))),
    );
}

async function history(name: string, options: HistoryOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const entries = await migrationsOf(options).history(name);
  const rows = entries.map(({ at, run: id, kind, actor, text }) => [at, id, kind, actor ?? '-', text]);
  const header = ['TIME', 'RUN', 'KIND', 'BY', 'WHAT'];
  console.log(output === 'json' ? JSON.stringify({ history: entries }) : table([header, ...rows]));
  return exitCodes.done;
}

async function trace(name: string, options: HistoryOptions): Promise<ExitCode> {
  const { signals, trace: lines } = await migrationsOf(options).trace(name, options.signals ?? null);
  for (const line of lines) console.log(JSON.stringify(line));
  if (lines.length > 0) return exitCodes.done;
  console.error(printable(`nothing of ${name} was judged by ${signals} in the last 24 hours`));
  return exitCodes.no;
}
