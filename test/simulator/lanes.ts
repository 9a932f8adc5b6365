import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { bundle, type Patch } from './bundle.ts';
import { Coverage } from './coverage.ts';
import type { LaneData, SeedRange } from './lane.ts';
import type { Broken, Soaked } from './soak.ts';

export interface LanesOptions {
  readonly from: number;
  readonly seeds: number;
  /** Threads that run seeds side by side. */
  readonly lanes: number;
  /** No more seeds than it takes to break a rule. */
  readonly isFirstEnough: boolean;
  readonly patches: readonly Patch[];
  readonly isFenceChecked: boolean;
  /** Asked before each batch: enough for now. */
  readonly isOver?: () => boolean;
  /** After each batch: how many seeds are done, and which of them broke a rule. */
  readonly onBatch?: (done: number, broken: readonly Broken[]) => void;
}

/** Seeds that a lane is given at once. */
const batch = 50;

/**
 * Runs seeds on several threads. They are handed out in their order, so that all up to the last that was run were run.
 * @throws what a run throws that is no broken rule: a mistake of the simulator
 */
export async function soakOnLanes(options: LanesOptions): Promise<Soaked> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-simulate-'));
  const lanes: Worker[] = [];
  try {
    const file = join(folder, 'lane.mjs');
    await bundle(options.patches, file);
    const workerData: LaneData = { isFenceChecked: options.isFenceChecked };
    for (let lane = 0; lane < options.lanes; lane++) lanes.push(new Worker(file, { workerData, execArgv: [] }));
    return await handOut(options, lanes);
  } finally {
    await Promise.all(lanes.map((lane) => lane.terminate()));
    await rm(folder, { recursive: true });
  }
}

async function handOut(options: LanesOptions, lanes: readonly Worker[]): Promise<Soaked> {
  const { from, seeds, isFirstEnough, isOver = () => false, onBatch = () => undefined } = options;
  const coverage = new Coverage();
  const broken: Broken[] = [];
  let [given, done] = [0, 0];
  const isEnough = () => given >= seeds || isOver() || (isFirstEnough && broken.length > 0);
  const work = async (lane: Worker): Promise<void> => {
    while (!isEnough()) {
      const range: SeedRange = { from: from + given, seeds: Math.min(batch, seeds - given), isFirstEnough };
      given += range.seeds;
      lane.postMessage(range);
      // Rejects where the thread fails.
      const [soaked] = (await once(lane, 'message')) as [Soaked];
      coverage.add(soaked.counts);
      broken.push(...soaked.broken);
      done += soaked.seeds;
      onBatch(done, soaked.broken);
    }
  };
  await Promise.all(lanes.map(work));
  return { seeds: done, broken: broken.toSorted((one, other) => one.seed - other.seed), counts: coverage.counts };
}
