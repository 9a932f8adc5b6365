import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CrashPlan, deathFile, planFile } from '../fixtures/crashing-compose.ts';
import { buildCrashingFunctions } from '../fixtures/crashing-functions.ts';
import { BrokenRule, type Cast, type End, type Play, play, unharmed, until } from './play.ts';
import { isAt, type Scenario, type StageSet } from './scenario.ts';
import type { Stage } from './stage.ts';

/** The demo's faults, and the end that each leads to. */
interface DemoFault {
  readonly name: string;
  readonly play: Play;
  /** States in which port calls are counted: those after the fault. */
  readonly states: readonly string[];
}

const set: StageSet = { key: 'crashing', open: () => ({ speed: 20, buildFunctions: buildCrashingFunctions }) };
/** Calls after which something outside of the process may have changed; dying after any other is dying before the next. */
const effects = ['store.commit', 'router.write', 'notifier.post', 'invoker.invoke'];
const callsMax = 120;

const back: Omit<End, 'reason'> = {
  state: 'rolledBack',
  history: ['started', 'step.verified', 'rollback.started', 'rolledback'],
  told: /the baseline is back, verified at the CLB/,
};

const demoFaults: readonly DemoFault[] = [
  {
    name: 'nothing else',
    play: { when: isAt('progressing.shifting'), ...nothing(), end: unharmed },
    states: ['progressing.shifting', 'progressing.baking', 'rollingBack'],
  },
  atBaking('errors', /^errors: target/, {
    strike: ({ stage }) => gateway(stage, { errorRate: 0.5 }),
    mend: ({ stage }) => gateway(stage, { errorRate: 0 }),
  }),
  atBaking('probe', /probe/, {
    strike: ({ stage }) => gateway(stage, { probes: false }),
    mend: ({ stage }) => gateway(stage, { probes: true }),
  }),
  atBaking('abort', /abort/, {
    strike: (cast) => until('it is aborted', () => aborted(cast), 20_000, cast.signal).then(() => undefined),
    mend: () => undefined,
  }),
];

function nothing() {
  return { strike: () => undefined, lasts: 0, mend: () => undefined };
}

function atBaking(name: string, reason: RegExp, doing: Pick<Play, 'strike' | 'mend'>): DemoFault {
  const spec = {
    steps: [{ share: 60, bake: '1h' }],
    // Errors have to be seen: what may be lost with a process is a sample, and not the judgement.
    analysis: { errorRate: { minRequests: 5 }, patience: '24h' },
    breakGlassAfter: '1h',
  };
  const lasts = async (cast: Cast) => (await cast.view())?.isFinal === true;
  const end = { ...back, reason };
  return { name, play: { spec, when: isAt('progressing.baking'), ...doing, lasts, end }, states: ['rollingBack'] };
}

async function gateway({ sandbox }: Stage, change: { errorRate?: number; probes?: boolean }): Promise<void> {
  await sandbox.controls.setGateway('target', change);
}

async function aborted({ api, name, view }: Cast): Promise<boolean> {
  await api.post(`/v1/migrations/${name}/abort`, {}).catch(() => undefined);
  const seen = await view();
  return seen !== null && !seen.state.startsWith('progressing');
}

/** kill -9 of the function process at every port call, in each of the demo's stories. */
export function killScenarios(): readonly Scenario[] {
  return demoFaults.flatMap((fault) => [
    killed(fault, { counted: null, moment: 'before' }, 'before each of its port calls'),
    killed(fault, { counted: effects, moment: 'after' }, 'right after each of its calls with an effect'),
  ]);
}

function killed(fault: DemoFault, plan: Pick<CrashPlan, 'counted' | 'moment'>, when: string): Scenario {
  const { name, states } = fault;
  return {
    name: `kill -9 ${plan.moment} calls, ${name}`,
    holds: `the function process is killed ${when} while ${states.join(', ')} (${name}): always the same end`,
    set,
    run: async (stage, migration, signal) => {
      for (let at = 1; at <= callsMax; at += 1) {
        const round = Number(migration.replace(/\D/g, '')) * 1_000 + at;
        await writeFile(join(stage.functionsFolder, planFile), JSON.stringify({ round, states, at, ...plan }));
        const death = () => readFile(join(stage.functionsFolder, deathFile(round)), 'utf8').catch(() => null);
        await play(stage, `${migration}-${at}`, fault.play, signal).catch(async (error: unknown) => {
          throw error instanceof BrokenRule
            ? new BrokenRule(`killed ${await death()} (${at}): ${error.message}`)
            : error;
        });
        if ((await death()) === null) return;
      }
      throw new BrokenRule(`it took more than ${callsMax} calls`);
    },
  };
}
