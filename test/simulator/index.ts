import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { soakOnLanes } from './lanes.ts';
import { runMutant } from './mutants.ts';
import { coverageReport } from './report.ts';
import { shrink } from './shrink.ts';
import { type RunResult, simulate } from './simulation.ts';
import type { Broken, Soaked } from './soak.ts';
import { production } from './wiring.ts';

/** `npm run simulate`: exit code 1 where a rule was broken, or too little was met; of a mutant, where no rule noticed. */
const usage = `npm run simulate -- --seeds N [--from 1] [--minutes M] [--lanes L]   migration after migration on L threads, then what was met
npm run simulate -- --seed N [--verbose] [--shrink]   one, its story, the least faults that still break it
npm run simulate -- --mutant NAME [--seeds 1000]      a broken engine, until a rule notices`;

/** So many seeds meet everything that there is, or the simulator is not good enough. */
const seedsThatMeetAll = 10_000;
const mutantSeeds = 1_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    lanes: { type: 'string', default: String(availableParallelism()) },
    mutant: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
  },
});

if (values.mutant !== undefined) await breakEngine(values.mutant, numberOf('seeds') ?? mutantSeeds);
else if (values.seed !== undefined) await runOne(numberOf('seed') ?? 0);
else if (values.seeds !== undefined) await runMany(numberOf('from') ?? 1, numberOf('seeds') ?? 0);
else wrongUse(usage);

function wrongUse(message: string): never {
  console.error(message);
  process.exit(2);
}

function numberOf(name: 'seeds' | 'from' | 'seed' | 'minutes' | 'lanes'): number | null {
  const text = values[name];
  if (text === undefined) return null;
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : wrongUse(`--${name}: ${text} is no whole number above 0`);
}

async function breakEngine(name: string, seeds: number): Promise<void> {
  const soaked = await runMutant(name, seeds).catch((error: unknown) => wrongUse(String(error)));
  tellBroken(soaked.broken);
  if (soaked.broken.length > 0) return;
  console.log(`no rule noticed in ${seeds} seeds`);
  process.exitCode = 1;
}

async function runOne(seed: number): Promise<void> {
  const wiring = production;
  const result = values.shrink ? await shrink(seed, wiring) : await simulate({ seed, wiring, isTold: values.verbose });
  if (result === null) console.log(`seed ${seed} breaks no rule`);
  else tell(result);
}

function tell({ seed, faults, violations, hash, story }: RunResult): void {
  for (const line of story) console.log(line);
  console.log(`seed ${seed}, trace ${hash}`);
  for (const fault of faults) console.log(`fault ${JSON.stringify(fault)}`);
  for (const text of violations) console.log(`BROKEN ${text}`);
  if (violations.length === 0) console.log('no rule is broken');
  else process.exitCode = 1;
}

function tellBroken(broken: readonly Broken[]): void {
  for (const { seed, violations } of broken) {
    for (const text of violations) console.log(`BROKEN seed ${seed} ${text}`);
  }
}

async function runMany(from: number, seeds: number): Promise<void> {
  const beganMs = performance.now();
  const cpu = process.cpuUsage();
  const minutes = numberOf('minutes') ?? Number.POSITIVE_INFINITY;
  const soaked = await soakOnLanes({
    ...{ from, seeds, lanes: numberOf('lanes') ?? 1, isFirstEnough: false, patches: [], isFenceChecked: true },
    isOver: () => performance.now() - beganMs > minutes * 60_000,
    onBatch: (done, broken) => {
      tellBroken(broken);
      if (done % 1_000 === 0) console.error(`${done} of ${seeds}`);
    },
  });
  const used = process.cpuUsage(cpu);
  report(soaked, from, (performance.now() - beganMs) / 1e3, (used.user + used.system) / 1e6);
}

function report({ seeds, broken, counts }: Soaked, from: number, wallS: number, cpuS: number): void {
  const { lines, missing } = coverageReport(counts);
  for (const line of lines) console.log(line);
  const speed = `${(seeds / cpuS).toFixed(1)} a second of one core`;
  console.log(`${seeds} migrations, seeds ${from} to ${from + seeds - 1}, in ${wallS.toFixed(1)} s: ${speed}`);
  const isEnough = seeds >= seedsThatMeetAll;
  const tooLittle = isEnough ? ', which is too little' : '';
  console.log(`never met: ${missing.length === 0 ? 'nothing' : `${missing.join(', ')}${tooLittle}`}`);
  console.log(`broken: ${broken.length === 0 ? 'none' : broken.map(({ seed }) => seed).join(', ')}`);
  if (broken.length > 0 || (isEnough && missing.length > 0)) process.exitCode = 1;
}
