import type { Command } from 'commander';
import { migrationJsonSchema } from '../api/migration-file.ts';

/** `sluice schema`: the JSON Schema of the migration file, for editors. */
export function schemaCommand(program: Command): void {
  program
    .command('schema')
    .description('prints the JSON Schema of the migration file, for editors')
    .action(() => {
      console.log(JSON.stringify(migrationJsonSchema(), null, 2));
    });
}
