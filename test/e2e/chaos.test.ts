import { afterAll, beforeAll, describe, it } from 'vitest';
import { allScenarios } from '../chaos/all.ts';
import { openStage, type Stage } from '../chaos/stage.ts';

/** A sample of `npm run chaos`, one of each kind of trouble: the wire, an answer, a process. */
const sample = ['redis blackHole while rollingBack', 'ack 500 while shifting', 'redis-server killed while shifting'];
/** Decides no more than when the faults of the sample strike, and those are named above. */
const middle = (): number => 0.5;

describe('a canary on real parts', () => {
  const scenarios = allScenarios(middle);
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage({ speed: 10 });
  }, 60_000);

  afterAll(() => stage?.stop());

  it.each(sample)(
    'keeps every rule with %s',
    async (name) => {
      const scenario = scenarios.find((one) => one.name === name);
      if (scenario === undefined) throw new Error(`no scenario ${name}`);
      await scenario.run(stage, `sample-${sample.indexOf(name)}`, new AbortController().signal);
    },
    120_000,
  );
});
