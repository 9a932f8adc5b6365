import type { MigrationView } from '../../src/domain/view.ts';
import { type Play, play } from './play.ts';
import { openStage, type Stage, type StageOptions } from './stage.ts';

/** One thing that goes wrong on real parts, and a sentence of what holds all the same. */
export interface Scenario {
  readonly name: string;
  readonly holds: string;
  /** Scenarios in a row with the same set share a stage. */
  readonly set: StageSet;
  /** @throws BrokenRule with every rule that did not hold */
  run(stage: Stage, name: string, signal: AbortSignal): Promise<void>;
}

export interface StageSet {
  readonly key: string;
  readonly open: () => StageOptions;
}

/** Ten times as fast as the wall: a minute of a timer is six seconds. */
export const usual: StageSet = { key: 'usual', open: () => ({ speed: 10 }) };

export function plays(name: string, holds: string, given: Play, set: StageSet = usual): Scenario {
  return {
    ...{ name, holds, set },
    run: async (stage, migration, signal) => {
      await play(stage, migration, given, signal);
    },
  };
}

/** The moments of a canary at which something may go wrong. */
export const moments = ['progressing.shifting', 'progressing.baking', 'rollingBack'] as const;
export type Moment = (typeof moments)[number];

export const isAt =
  (moment: Moment) =>
  ({ state }: MigrationView): boolean =>
    state === moment;

export interface Told {
  readonly scenario: Scenario;
  readonly tookMs: number;
  /** What did not hold; null where all did. */
  readonly broken: string | null;
}

/**
 * Runs scenarios one after the other; a stage on which a rule was broken is not used again.
 *
 * @throws the reason of the signal where it is aborted, with nothing left running
 */
export async function runAll(
  scenarios: readonly Scenario[],
  signal: AbortSignal,
  tell: (told: Told) => void,
): Promise<readonly Told[]> {
  const all: Told[] = [];
  let open: { readonly key: string; readonly stage: Stage } | null = null;
  try {
    for (const [index, scenario] of scenarios.entries()) {
      signal.throwIfAborted();
      if (open !== null && open.key !== scenario.set.key) {
        await open.stage.stop();
        open = null;
      }
      open ??= { key: scenario.set.key, stage: await openStage(scenario.set.open()) };
      const beganMs = performance.now();
      const broken = await brokenIn(scenario, open.stage, `chaos-${index + 1}`, signal);
      const told = { scenario, tookMs: performance.now() - beganMs, broken };
      all.push(told);
      tell(told);
      if (broken === null) continue;
      await open.stage.stop();
      open = null;
    }
    return all;
  } finally {
    await open?.stage.stop();
  }
}

async function brokenIn(scenario: Scenario, stage: Stage, name: string, signal: AbortSignal): Promise<string | null> {
  try {
    await scenario.run(stage, name, signal);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
