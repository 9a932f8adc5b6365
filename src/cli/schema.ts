import type { Command } from 'commander';
import { migrationJsonSchema } from '../api/migration-file.ts';
import { exitCodes, type OutputOptions, outputOf, run, withOutput } from './run.ts';

/** `sluice schema`: the JSON Schema of the migration file, for editors. */
export function schemaCommand(program: Command): void {
  withOutput(program.command('schema'))
    .description('prints the JSON Schema of the migration file, for editors')
    .action((options: OutputOptions) =>
      run(async () => {
        // For people and for programs it is the same text; only the line breaks are for people.
        const indent = outputOf(options) === 'table' ? 2 : undefined;
        console.log(JSON.stringify(migrationJsonSchema(), null, indent));
        return exitCodes.done;
      }),
    );
}
