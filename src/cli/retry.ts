import type { Command } from 'commander';
import { sendingCommand } from './send.ts';

/** `sluice retry NAME` */
export function retryCommand(program: Command): void {
  sendingCommand(program, 'retry', 'tries a stuck rollback again, now', () => ({}));
}
