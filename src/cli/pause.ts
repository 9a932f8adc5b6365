import type { Command } from 'commander';
import { sendingCommand } from './send.ts';

/** `sluice pause NAME` */
export function pauseCommand(program: Command): void {
  sendingCommand(program, 'pause', 'keeps the share as it is until it is resumed', () => ({}));
}
