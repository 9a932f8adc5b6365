import type { Command } from 'commander';
import { printable } from '../domain/plain-text.ts';
import {
  ConflictError,
  InvalidInputError,
  messageOf,
  NotFoundError,
  TerminalError,
  TransientError,
} from '../ports/errors.ts';
import { apiClient, CannotReachError, RefusedError } from './client.ts';
import { type Migrations, migrationsAt } from './migrations.ts';

/** What a command's end says (design section 5). */
export const exitCodes = { done: 0, no: 1, wrongUse: 2, cannotReach: 3 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A person used a command in a way it does not know. */
export class WrongUseError extends Error {
  override readonly name = 'WrongUseError';
}

export type Output = 'table' | 'json';
export interface OutputOptions {
  readonly output: string;
}
export interface ServerOptions extends OutputOptions {
  readonly server?: string;
}

export function withOutput(command: Command, forms = 'table or json'): Command {
  return command.option('--output <form>', forms, 'table');
}

/** The options of every command that asks a server. */
export function withServer(command: Command, forms?: string): Command {
  return withOutput(command, forms).option(
    '--server <url>',
    'URL of the HTTP trigger, or SLUICE_SERVER; the token comes from SLUICE_TOKEN',
  );
}

/** @throws WrongUseError where it is none of the two */
export function outputOf({ output }: OutputOptions): Output {
  if (output === 'table' || output === 'json') return output;
  throw new WrongUseError(`--output is table or json, not ${output}`);
}

/** @throws WrongUseError where nothing says which server is meant */
export function migrationsOf(options: ServerOptions): Migrations {
  const url = options.server ?? process.env['SLUICE_SERVER'] ?? '';
  if (url === '') {
    throw new WrongUseError(
      [
        'which server? Give --server URL or set SLUICE_SERVER:',
        '  in the cloud, the URL of the HTTP trigger (the output Url of the stack);',
        '  on this machine, functions.url in what `sluice sandbox` prints, or the URL that `sluice serve` prints.',
        'The token goes into SLUICE_TOKEN (in the sandbox, functions.token).',
      ].join('\n'),
    );
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new WrongUseError(`--server must be an http or https URL, not ${url}`);
  }
  return migrationsAt(apiClient({ server: url.replace(/\/+$/, ''), token: process.env['SLUICE_TOKEN'] ?? null }));
}

/** Runs a command to its exit code; every error becomes a message on stderr that says what to do. */
export async function run(work: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    const { code, lines } = explain(error);
    // What a server, a cluster or a file says stays within its line.
    for (const line of lines) console.error(printable(line));
    process.exitCode = code;
  }
}

function explain(error: unknown): { readonly code: ExitCode; readonly lines: readonly string[] } {
  if (error instanceof WrongUseError) return { code: exitCodes.wrongUse, lines: error.message.split('\n') };
  if (error instanceof CannotReachError) return { code: exitCodes.cannotReach, lines: [error.message] };
  if (error instanceof TransientError) return { code: exitCodes.cannotReach, lines: [error.message] };
  if (error instanceof RefusedError) return { code: exitCodes.no, lines: refusal(error) };
  if (error instanceof InvalidInputError) return { code: exitCodes.no, lines: problemLines(error.problems, 'input') };
  if (error instanceof NotFoundError || error instanceof TerminalError || error instanceof ConflictError) {
    return { code: exitCodes.no, lines: [error.message] };
  }
  // A defect: the stack is what a report of it needs.
  return { code: exitCodes.no, lines: stackOf(error).split('\n') };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}

function refusal({ status, problem }: RefusedError): readonly string[] {
  const todo = {
    401: 'Set SLUICE_TOKEN to a token that the server knows.',
    403: 'Ask for a token with another role.',
    404: '`sluice list` shows the names.',
  }[status];
  return [problem.detail, ...problemLines(problem.problems ?? [], 'input'), ...(todo === undefined ? [] : [todo])];
}

/** `shop.yaml:12: spec.steps[1].bake: ...`, as editors and terminals make links of it. */
export function problemLines(
  problems: readonly { readonly path: string; readonly line?: number | undefined; readonly message: string }[],
  file: string,
): readonly string[] {
  return problems.map(({ path, line, message }) =>
    printable(`${file}${line === undefined ? '' : `:${line}`}: ${path}: ${message}`),
  );
}
