#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { sandboxCommand } from './sandbox.ts';

/** Adds one command to the program; a command sets `process.exitCode` (design section 5: 0 done, 1 no, 2 wrong use, 3 cannot reach). */
type AddCommand = (program: Command) => void;

const commands: readonly AddCommand[] = [sandboxCommand];

const wrongUse = 2;

async function main(): Promise<void> {
  const program = new Command('sluice')
    .description('Moves live traffic from a self-managed Istio gateway to an ASM gateway behind the same load balancer')
    .exitOverride();
  for (const add of commands) add(program);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are answers; everything else that commander refuses it has already explained on stderr.
    process.exitCode = error.exitCode === 0 ? 0 : wrongUse;
  }
}

await main();
