import type { Command } from 'commander';
import type { ServerOptions } from './run.ts';
import { sendingCommand } from './send.ts';

interface ApproveOptions extends ServerOptions {
  readonly gate?: string;
}

/** `sluice approve NAME --gate ID`; without a gate, in the state stuck, it accepts things as they are. */
export function approveCommand(program: Command): void {
  sendingCommand<ApproveOptions>(program, 'approve', 'approves a gate', ({ gate }) =>
    gate === undefined ? {} : { gate },
  ).option('--gate <id>', 'id of the gate, as `sluice get` shows it');
}
