import type { Command } from 'commander';
import { exitCodes, migrationsOf, outputOf, run, type ServerOptions, withServer } from './run.ts';
import { table } from './show.ts';

/** `sluice history NAME`: what happened, oldest first. */
export function historyCommand(program: Command): void {
  withServer(program.command('history'))
    .description('shows what happened to a migration')
    .argument('<name>', 'name of the migration')
    .action((name: string, options: ServerOptions) =>
      run(async () => {
        const output = outputOf(options);
        const entries = await migrationsOf(options).history(name);
        const rows = entries.map(({ at, run: id, kind, actor, text }) => [at, id, kind, actor ?? '-', text]);
        const header = ['TIME', 'RUN', 'KIND', 'BY', 'WHAT'];
        console.log(output === 'json' ? JSON.stringify({ history: entries }) : table([header, ...rows]));
        return exitCodes.done;
      }),
    );
}
