import type { Command } from 'commander';
import { type RawOptions, readSandboxOptions, sandboxOptionTexts } from '../sandbox/options.ts';

const wrongUse = 2;
const cannotReach = 3;

/** `sluice sandbox`: one JSON object on stdout when everything answers, then it stays until SIGINT or SIGTERM. */
export function sandboxCommand(program: Command): void {
  const command = program
    .command('sandbox')
    .description('a local Alibaba Cloud on loopback: ACK, ASM, CLB, Function Compute, chat, and traffic through them');
  for (const { flags, meaning, preset } of sandboxOptionTexts) command.option(flags, meaning, preset);
  command.action(async (raw: RawOptions) => {
    process.exitCode = await run(raw);
  });
}

async function run(raw: RawOptions): Promise<number> {
  const read = readSandboxOptions(raw);
  if ('mistakes' in read) {
    for (const mistake of read.mistakes) console.error(`sluice sandbox: ${mistake}`);
    return wrongUse;
  }
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // Loaded here: the clients of the sandbox are of no use to the other commands and take their time to load.
  const { startSandbox } = await import('../sandbox/sandbox.ts');
  try {
    const progress = (line: string): void => console.error(`sandbox: ${line}`);
    const sandbox = await startSandbox({ options: read.options, progress, signal: stopped.signal });
    console.log(JSON.stringify(sandbox.description, null, process.stdout.isTTY ? 2 : undefined));
    await aborted(stopped.signal);
    progress('stopping');
    await sandbox.stop();
    return 0;
  } catch (error) {
    if (stopped.signal.aborted) return 0;
    console.error(`sluice sandbox: ${error instanceof Error ? error.message : String(error)}`);
    return cannotReach;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
