import type { Command } from 'commander';
import type { PersonVerb } from '../domain/person-command.ts';
import { exitCodes, migrationsOf, outputOf, run, type ServerOptions, withServer } from './run.ts';
import { showView } from './show.ts';

/** A command that tells a migration something; `read` makes the request's body of the options. */
export function sendingCommand<Options extends ServerOptions>(
  program: Command,
  verb: PersonVerb,
  description: string,
  read: (options: Options) => Readonly<Record<string, unknown>>,
): Command {
  return withServer(program.command(verb))
    .description(description)
    .argument('<name>', 'name of the migration')
    .action((name: string, options: Options) =>
      run(async () => {
        const output = outputOf(options);
        const view = await migrationsOf(options).send(name, verb, read(options));
        console.log(output === 'json' ? JSON.stringify(view) : showView(view));
        return exitCodes.done;
      }),
    );
}
