import { readFile, writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { observe } from '../src/domain/judge/observe.ts';
import { policyOf } from '../src/domain/judge/policy.ts';
import { beginStep, newJudge } from '../src/domain/judge/state.ts';
import { decide } from '../src/domain/judge/step-verdict.ts';
import { measureEdges } from './judge/edges.ts';
import { seeded } from './judge/random.ts';
import {
  costs,
  everyRow,
  falseRollbacks,
  type Goal,
  goals,
  missed,
  number,
  table,
  triedRemedies,
  weakRows,
} from './judge/report.ts';
import { traffic } from './judge/traffic.ts';

/**
 * `npm run bench -- judge [--migrations 400]`: whole migrations under Sluice's judge and the rules of others, on the same
 * seeded traffic. Writes the tables into docs/judge.md with 400 migrations a row, and prints them with fewer.
 */

const migrationsInPrint = 400;
const page = new URL('../docs/judge.md', import.meta.url);
const [begin, end] = ['<!-- written by npm run bench -- judge -->', '<!-- end -->'];

export async function run(): Promise<void> {
  const migrations = migrationsOf(process.argv);
  const sections: readonly (readonly [string, () => string])[] = [
    ['Rolled back although no worse: per cent, mean of the rows (worst row)', () => falseRollbacks(migrations)],
    [
      'Missed: completed with the regression, and in brackets held; per cent, from 5 rps on / at 0.5 rps',
      () => missed(migrations),
    ],
    [
      'Failed requests that the regression cost / seconds until the rollback; median, usual rate 0.1 %; in brackets how many were rolled back at all',
      () => costs(migrations),
    ],
    ['The weak spot: rolled back, per cent', () => weakRows(migrations)],
    ['What was tried against slow noise of each side, standard profile', () => triedRemedies(migrations)],
    ['On the edge: an hour at a share of 25, looked at every five seconds; per cent', () => edges(migrations)],
    ['Every row', () => everyRow(migrations)],
  ];
  const parts: string[] = [];
  for (const [title, make] of sections) {
    const began = performance.now();
    parts.push(`### ${title}\n\n${make()}`);
    console.error(`${title}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  const found = [...goals(migrations), ...weigh()];
  const reached = table(
    ['goal', 'found', 'reached'],
    found.map((goal) => [goal.name, goal.found, goal.isReached ? 'yes' : 'no']),
  );
  const text = [`### Goals, ${migrations} migrations a row\n\n${reached}`, ...parts].join('\n\n');
  if (migrations === migrationsInPrint) await print(text);
  else console.log(text);
  if (found.some(({ isReached }) => !isReached)) process.exitCode = 1;
}

function migrationsOf(argv: readonly string[]): number {
  const at = argv.indexOf('--migrations');
  const wanted = at < 0 ? migrationsInPrint : Number(argv[at + 1]);
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 10_000) return wanted;
  throw new Error('--migrations is a whole number from 1 to 10000');
}

async function print(text: string): Promise<void> {
  const before = await readFile(page, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error('docs/judge.md has lost the marks between which the tables stand');
  await writeFile(page, `${before.slice(0, from)}${begin}\n\n${text}\n\n${before.slice(to)}`);
  console.log('the tables of docs/judge.md are written');
}

function edges(migrations: number): string {
  const rows = measureEdges(migrations).map(({ name, falseFail, wrongPass }) => [
    name,
    number(falseFail),
    number(wrongPass),
  ]);
  return table(['row', 'false fail (limit 1)', 'wrong pass (limit 5)'], rows);
}

/** What one batch costs, verdict included, and how large the state gets. */
function weigh(): readonly Goal[] {
  const policy = policyOf({});
  const next = traffic({ base: 0.01, ratePerSecond: 1000 }, seeded(1), 0);
  const batches = Array.from({ length: 20_000 }, () => next(10));
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round < 5; round += 1) {
    let state = beginStep(newJudge(), { share: 10, nextShare: 50, fromMs: 0 });
    const began = process.cpuUsage();
    for (const batch of batches) {
      state = observe(state, batch, policy);
      decide(state, policy);
    }
    // Of the processor, not of the clock: others may be using the machine.
    times.push(process.cpuUsage(began).user / batches.length);
    bytes = Math.max(bytes, JSON.stringify(state).length);
  }
  const micros = [...times].sort((a, b) => a - b)[2] ?? Number.NaN;
  return [
    { name: 'one sample: at most 20 microseconds', found: number(micros), isReached: micros <= 20 },
    { name: 'state: at most 2 kB of JSON', found: `${bytes} bytes`, isReached: bytes <= 2048 },
  ];
}
