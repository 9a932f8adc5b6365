import { parseArgs } from 'node:util';
import { coverageReport } from './report.ts';
import { shrink } from './shrink.ts';
import { type RunResult, simulate } from './simulation.ts';
import { soak } from './soak.ts';
import { production } from './wiring.ts';

/** Runs seeds: what `npm run simulate` does, and what a mutant is bundled from. */
const usage = `npm run simulate -- --seeds N [--from 1] [--first] [--minutes M]   migration after migration, then what was met
npm run simulate -- --seed N [--verbose] [--shrink]   one, its story, the least faults that still break it
npm run simulate -- --mutant NAME [--seeds 1000]      a broken engine, until a rule notices`;

/** So many seeds meet everything that there is, or the simulator is not good enough. */
const seedsThatMeetAll = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    first: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    unfenced: { type: 'boolean', default: false },
  },
});
const wiring = { ...production, isFenceChecked: !values.unfenced };

if (values.seed !== undefined) await runOne(Number(values.seed));
else if (values.seeds !== undefined) await runMany(Number(values.from), Number(values.seeds));
else {
  console.error(usage);
  process.exitCode = 2;
}

async function runOne(seed: number): Promise<void> {
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

async function runMany(from: number, seeds: number): Promise<void> {
  const beganMs = performance.now();
  const cpu = process.cpuUsage();
  const forMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes) * 60_000;
  const isOver = (): boolean => performance.now() - beganMs > forMs;
  const soaked = await soak(wiring, { from, seeds, isFirstEnough: values.first, isOver }, (done, broken) => {
    for (const text of broken?.violations ?? []) console.log(`BROKEN seed ${broken?.seed} ${text}`);
    if (done % 1_000 === 0) console.error(`${done} of ${seeds}`);
  });
  const { lines, missing } = coverageReport(soaked.counts);
  for (const line of lines) console.log(line);
  const used = process.cpuUsage(cpu);
  const cpuS = (used.user + used.system) / 1e6;
  const wallS = (performance.now() - beganMs) / 1e3;
  console.log(
    `${soaked.seeds} migrations in ${wallS.toFixed(1)} s: ${(soaked.seeds / cpuS).toFixed(1)} a second of one core`,
  );
  const all = soaked.seeds >= seedsThatMeetAll ? ', which is too little' : '';
  console.log(`never met: ${missing.length === 0 ? 'nothing' : `${missing.join(', ')}${all}`}`);
  console.log(`broken: ${soaked.broken.length === 0 ? 'none' : soaked.broken.map(({ seed }) => seed).join(', ')}`);
  const isBlind = soaked.seeds >= seedsThatMeetAll && missing.length > 0;
  if (soaked.broken.length > 0 || isBlind) process.exitCode = 1;
}
