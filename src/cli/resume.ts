import type { Command } from 'commander';
import { sendingCommand } from './send.ts';

/** `sluice resume NAME` */
export function resumeCommand(program: Command): void {
  sendingCommand(program, 'resume', 'goes on after a pause or a hold', () => ({}));
}
