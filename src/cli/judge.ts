import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseMigration } from '../api/migration-file.ts';
import type { Draft } from '../domain/draft.ts';
import { policyOf } from '../domain/judge/policy.ts';
import { messageOf } from '../ports/errors.ts';
import { type Replayed, replay, ruleNames } from './judge/replay.ts';
import { replayTable } from './judge/table.ts';
import { parseTrace, type TraceLine } from './judge/trace.ts';
import {
  type ExitCode,
  exitCodes,
  type OutputOptions,
  outputOf,
  problemLines,
  run,
  WrongUseError,
  withOutput,
} from './run.ts';
import { problemsOf, readMigrationFile } from './start.ts';

interface JudgeOptions extends OutputOptions {
  readonly samples: string;
  readonly file?: string;
  readonly rule: string;
}

/** Far more than the longest trace that is read. */
const bytesMax = 64 * 1024 * 1024;
/** Without a file: the steps of the short form, and its settle time. */
const unplanned = { steps: [10, 50, 90, 100], settleMs: 20_000 } as const;

/** `sluice judge --samples TRACE`: when which verdict would have come; exit code 1 where it is `fail`. Asks no server. */
export function judgeCommand(program: Command): void {
  withOutput(program.command('judge'))
    .description('runs a recorded trace through the judge and says when which verdict would have come')
    .requiredOption('--samples <trace>', 'the trace, one JSON object a line')
    .option('-f, --file <file>', 'the migration file whose budget, steps and settle time hold')
    .option('--rule <rule>', `${ruleNames.join(', ')}`, 'sluice')
    .action((options: JudgeOptions) => run(() => judge(options)));
}

async function judge(options: JudgeOptions): Promise<ExitCode> {
  const output = outputOf(options);
  const rule = ruleNames.find((name) => name === options.rule);
  if (rule === undefined) throw new WrongUseError(`--rule is one of ${ruleNames.join(', ')}, not ${options.rule}`);
  const draft = options.file === undefined ? null : await readDraft(options.file);
  const lines = await readTrace(options.samples);
  const answer = replay(lines, { rule, ...planOf(draft) });
  console.log(output === 'json' ? JSON.stringify(publicAnswer(answer)) : replayTable(answer, rule));
  return answer.verdict === 'fail' ? exitCodes.no : exitCodes.done;
}

function planOf(draft: Draft | null) {
  if (draft === null) return { policy: policyOf({}), ...unplanned };
  const { analysis, steps, settleMs } = draft;
  return {
    policy: policyOf(analysis),
    steps: steps.map(({ share }) => share),
    settleMs,
  };
}

/** The answer that is promised to programs. */
function publicAnswer({ verdict, at, failedRequests, requests, known }: Replayed) {
  return { verdict, at, failedRequests, requests, difference: known.difference };
}

/** @throws WrongUseError with every wrong line */
async function readTrace(file: string): Promise<readonly TraceLine[]> {
  const { lines, problems } = parseTrace(await readText(file));
  if (problems.length > 0) throw new WrongUseError(problemLines(problems, file).join('\n'));
  return lines;
}

/** @throws WrongUseError with every mistake in the file */
async function readDraft(file: string): Promise<Draft> {
  const text = await readMigrationFile(file);
  try {
    return parseMigration(text);
  } catch (error) {
    const problems = problemsOf(error);
    if (problems.length === 0) throw error;
    throw new WrongUseError(problemLines(problems, file).join('\n'));
  }
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > bytesMax) throw new WrongUseError(`${file} is larger than ${bytesMax / 1024 / 1024} MB`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof WrongUseError) throw error;
    throw new WrongUseError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? messageOf(error)}`);
  }
}
