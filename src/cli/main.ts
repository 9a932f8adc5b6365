#!/usr/bin/env node
import { CommanderError } from 'commander';
import { program } from './program.ts';

const wrongUse = 2;

try {
  await program().parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and version are answers; everything else that commander refuses it has already explained on stderr.
  process.exitCode = error.exitCode === 0 ? 0 : wrongUse;
}
