import type { Command } from 'commander';
import type { ServerOptions } from './run.ts';
import { sendingCommand } from './send.ts';

interface AbortOptions extends ServerOptions {
  readonly force?: boolean;
  readonly reason?: string;
}

/** `sluice abort NAME [--force] [--reason TEXT]` */
export function abortCommand(program: Command): void {
  sendingCommand<AbortOptions>(
    program,
    'abort',
    'stops the migration and puts the baseline back',
    ({ force, reason }) => ({
      force: force === true,
      ...(reason === undefined ? {} : { reason }),
    }),
  )
    .option('--force', 'goes past the guards of the rollback: also onto a source that is not healthy')
    .option('--reason <text>', 'why, for the history and the people who are told');
}
