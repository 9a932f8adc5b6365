import type { Command } from 'commander';
import type { ServerOptions } from './run.ts';
import { sendingCommand } from './send.ts';

interface PromoteOptions extends ServerOptions {
  readonly all?: boolean;
}

/** `sluice promote NAME [--all]` */
export function promoteCommand(program: Command): void {
  sendingCommand<PromoteOptions>(program, 'promote', 'skips what is left of this step', ({ all }) => ({
    all: all === true,
  })).option('--all', 'of all steps');
}
