import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { stop } from 'esbuild';
import { seededRandom } from '../../src/sandbox/random.ts';
import { descendants } from '../fixtures/running-sandbox.ts';
import { allScenarios } from './all.ts';
import { runAll, type Scenario, type Told } from './scenario.ts';

/**
 * `npm run chaos [-- --only text] [--seed n] [--list]`: real parts, and everything between them that can break. Exit code
 * 1 where a rule was broken, 2 for wrong use, 130 when it was interrupted.
 */
const endingLooksMax = 50;
const endingLookMs = 100;

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, seed: { type: 'string', default: '1' }, list: { type: 'boolean' } },
});
if (!/^\d{1,9}$/.test(values.seed)) wrongUse(`--seed: ${values.seed} is no whole number`);
const random = seededRandom(Number(values.seed));
const scenarios = allScenarios(() => random.next()).filter(({ name }) => name.includes(values.only));
if (scenarios.length === 0) wrongUse(`--only: no scenario has "${values.only}" in its name; --list shows them`);
if (values.list === true) for (const { name, holds } of scenarios) console.log(`${name.padEnd(48)} ${holds}`);
else process.exitCode = await runToTheEnd(scenarios);

function wrongUse(message: string): never {
  console.error(message);
  process.exit(2);
}

async function runToTheEnd(all: readonly Scenario[]): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const before = await descendants(process.pid);
  const beganMs = performance.now();
  try {
    const told = await runAll(all, stopping.signal, tell);
    const broken = told.filter((one) => one.broken !== null).length;
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(0);
    console.log(`${told.length} scenarios in ${seconds} s, ${broken} broken; seed ${values.seed}`);
    await stop();
    const left = await leftOver(before);
    if (left.length > 0) console.log(`BROKEN  processes are left: ${left.join(', ')}`);
    return broken > 0 || left.length > 0 ? 1 : 0;
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    console.error('interrupted; everything that was started is ended');
    return 130;
  }
}

/** A process that was told to end takes its moment on a busy machine. */
async function leftOver(before: readonly number[]): Promise<readonly number[]> {
  for (let look = 0; ; look += 1) {
    const left = (await descendants(process.pid)).filter((pid) => !before.includes(pid));
    if (left.length === 0 || look >= endingLooksMax) return left;
    await wait(endingLookMs);
  }
}

function tell({ scenario, tookMs, broken }: Told): void {
  const seconds = `${(tookMs / 1000).toFixed(1)} s`.padStart(7);
  console.log(`${broken === null ? 'kept  ' : 'BROKEN'} ${seconds}  ${scenario.name}: ${broken ?? scenario.holds}`);
}
