import type { Command } from 'commander';
import { exitCodes, migrationsOf, outputOf, run, type ServerOptions, withServer } from './run.ts';
import { showList } from './show.ts';

/** `sluice list`: every migration in one line. */
export function listCommand(program: Command): void {
  withServer(program.command('list'))
    .description('lists the migrations')
    .action((options: ServerOptions) =>
      run(async () => {
        const output = outputOf(options);
        const list = await migrationsOf(options).list();
        console.log(output === 'json' ? JSON.stringify(list) : showList(list.migrations));
        for (const { name, message } of list.unreadable) console.error(`${name}: ${message}; it is left as it is`);
        return exitCodes.done;
      }),
    );
}
