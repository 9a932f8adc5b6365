import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../ports/errors.ts';
import { withKubeconfigs } from './kubeconfigs.ts';
import { type ExitCode, exitCodes, run, WrongUseError } from './run.ts';
import { prepareServe, type ServeOptions } from './serve-environment.ts';

/** `sluice serve`: the built functions in one process, until it is told to stop. */
export function serveCommand(program: Command): void {
  withKubeconfigs(program.command('serve'))
    .description(
      'hosts the functions in one process: records in Redis (REDIS_URL) or in a folder; what no option says is read from the environment of the functions',
    )
    .option(
      '--ack-id <[name=]id>',
      'id of a cluster at Alibaba Cloud; needed where the mesh does not tell it',
      (one: string, before: readonly string[] = []) => [...before, one],
    )
    .option('--data <folder>', 'where records are kept without REDIS_URL (default: SLUICE_DATA, or .sluice)')
    .option('--port <n>', 'port of the API on 127.0.0.1, 0 for a free one', '7080')
    .action(async (options: ServeOptions) => {
      await run(() => serve(options));
      // What runs in this process cannot be stopped in the middle, and need not be: nothing is lost by ending it.
      process.exit();
    });
}

async function serve(options: ServeOptions): Promise<ExitCode> {
  const stopped = new Promise<void>((stop) => {
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
  const { environment, token, port, folder } = await prepareServe(options, process.env);
  if (folder !== null) await makeFolder(folder);
  // Loaded here: the clients of the functions are of no use to the other commands and take their time to load.
  const { startLocalFunctions } = await import('./local-functions.ts');
  const functions = await startLocalFunctions(environment, port).catch((error: unknown) => {
    throw isTaken(error) ? new WrongUseError(`port ${port} of 127.0.0.1 is in use: give another --port`) : error;
  });
  const url = functions.urls['api'] ?? '';
  console.log(JSON.stringify({ url, ...(token === null ? {} : { token }) }));
  // The answer is given. What the functions log goes where progress goes, so that stdout stays one JSON object.
  console.log = console.error;
  console.error(`serving ${url}, records in ${folder ?? 'Redis'}; stop with Ctrl-C: the next start goes on`);
  await stopped;
  await functions.stop();
  return exitCodes.done;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new WrongUseError(
      `--data: cannot make ${folder}: ${(error as NodeJS.ErrnoException).code ?? messageOf(error)}`,
    );
  }
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'EADDRINUSE';
}
