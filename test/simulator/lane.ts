import { parentPort, workerData } from 'node:worker_threads';
import { soak } from './soak.ts';
import { production } from './wiring.ts';

/** The thread of one core: told which seeds to run, it answers with what was met, until nobody asks any more. */
const { isFenceChecked } = workerData as LaneData;
const wiring = { ...production, isFenceChecked };

export interface LaneData {
  readonly isFenceChecked: boolean;
}

export interface SeedRange {
  readonly from: number;
  readonly seeds: number;
  readonly isFirstEnough: boolean;
}

parentPort?.on('message', async (range: SeedRange) => {
  parentPort?.postMessage(await soak(wiring, range));
});
