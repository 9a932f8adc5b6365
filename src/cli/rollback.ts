import type { Command } from 'commander';
import type { ServerOptions } from './run.ts';
import { sendingCommand } from './send.ts';

interface RollbackOptions extends ServerOptions {
  readonly force?: boolean;
  readonly reason?: string;
}

/** `sluice rollback NAME [--force] [--reason TEXT]` */
export function rollbackCommand(program: Command): void {
  sendingCommand<RollbackOptions>(
    program,
    'rollback',
    'undoes a completed migration: puts the baseline back',
    ({ force, reason }) => ({
      force: force === true,
      ...(reason === undefined ? {} : { reason }),
    }),
  )
    .option('--force', 'goes past the guards of the rollback: also onto a source that is not healthy')
    .option('--reason <text>', 'why, for the history and the people who are told');
}
