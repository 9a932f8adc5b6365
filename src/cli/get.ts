import type { Command } from 'commander';
import { exitCodes, migrationsOf, outputOf, run, type ServerOptions, withServer } from './run.ts';
import { showView } from './show.ts';
import { watch } from './watch.ts';

interface GetOptions extends ServerOptions {
  readonly watch?: boolean;
}

/** `sluice get NAME`: everything about one migration, once or until it ends. */
export function getCommand(program: Command): void {
  withServer(program.command('get'))
    .description('shows a migration')
    .argument('<name>', 'name of the migration')
    .option('--watch', 'goes on until the migration has ended; Ctrl-C ends the watch and nothing else')
    .action((name: string, options: GetOptions) =>
      run(async () => {
        const output = outputOf(options);
        const migrations = migrationsOf(options);
        if (options.watch === true) await watch(migrations, name, output);
        else {
          const view = await migrations.get(name);
          console.log(output === 'json' ? JSON.stringify(view) : showView(view));
        }
        return exitCodes.done;
      }),
    );
}
