import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { abortCommand } from './abort.ts';
import { approveCommand } from './approve.ts';
import { configCommand } from './config.ts';
import { demoCommand } from './demo.ts';
import { gatewayCommand } from './gateway.ts';
import { getCommand } from './get.ts';
import { historyCommand } from './history.ts';
import { initCommand } from './init.ts';
import { judgeCommand } from './judge.ts';
import { listCommand } from './list.ts';
import { packageFile } from './package-file.ts';
import { pauseCommand } from './pause.ts';
import { planCommand } from './plan.ts';
import { preflightCommand } from './preflight.ts';
import { promoteCommand } from './promote.ts';
import { rehearseCommand } from './rehearse.ts';
import { releaseClbCommand } from './release-clb.ts';
import { rescueCommand } from './rescue.ts';
import { resumeCommand } from './resume.ts';
import { retireCommand } from './retire.ts';
import { retryCommand } from './retry.ts';
import { rollbackCommand } from './rollback.ts';
import { sandboxCommand } from './sandbox.ts';
import { schemaCommand } from './schema.ts';
import { serveCommand } from './serve.ts';
import { startCommand } from './start.ts';

/**
 * Adds one command to the program; a command sets `process.exitCode` (design section 5: 0 done, 1 no, 2 wrong use, 3
 * cannot reach).
 */
type AddCommand = (program: Command) => void;

const commands: readonly AddCommand[] = [
  demoCommand,
  sandboxCommand,
  serveCommand,
  planCommand,
  preflightCommand,
  rehearseCommand,
  startCommand,
  listCommand,
  getCommand,
  historyCommand,
  initCommand,
  gatewayCommand,
  releaseClbCommand,
  configCommand,
  pauseCommand,
  resumeCommand,
  promoteCommand,
  approveCommand,
  abortCommand,
  rollbackCommand,
  retryCommand,
  rescueCommand,
  retireCommand,
  judgeCommand,
  schemaCommand,
];

/** The command line of `sluice`, with every command. Parsing it throws CommanderError where the answer is help, or wrong use. */
export function program(): Command {
  const sluice = new Command('sluice')
    .description('Moves live traffic from a self-managed Istio gateway to an ASM gateway behind the same load balancer')
    .version(version())
    .exitOverride();
  for (const add of commands) add(sluice);
  return sluice;
}

function version(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { readonly version: string }).version;
}
