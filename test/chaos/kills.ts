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
  /** More than are made in them. */
  readonly callsMax: number;
}

const set: StageSet = { key: 'crashing', open: () => ({ speed: 6, buildFunctions: buildCrashingFunctions }) };
/** Calls after which something outside of the process may have changed; dying after any other is dying before the next. */
const effects = ['store.commit', 'router.write', 'router.seal', 'notifier.post', 'invoker.invoke'];
const callsOfOne = 10;

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
    callsMax: 120,
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
  const given = { spec, when: isAt('progressing.baking'), ...doing, lasts, end };
  return { name, play: given, states: ['rollingBack'], callsMax: 60 };
}

async function gateway({ sandbox }: Stage, change: { errorRate?: number; probes?: boolean }): Promise<void> {
  await sandbox.controls.setGateway('target', change);
}

async function aborted({ api, name, view }: Cast): Promise<boolean> {
  await api.post(`/v1/migrations/${name}/abort`, {}).catch(() => undefined);
  const seen = await view();
  return seen !== null && !seen.state.startsWith('progressing');
}

/** kill -9 of the function process at every port call, in each of the demo's stories: ten calls a scenario. */
export function killScenarios(): readonly Scenario[] {
  return demoFaults.flatMap((fault) => {
    const tens = Array.from({ length: fault.callsMax / callsOfOne }, (_, index) => index * callsOfOne + 1);
    return [
      ...tens.map((from) => killed(fault, from, { counted: null, moment: 'before' })),
      ...tens.slice(0, tens.length / 2).map((from) => killed(fault, from, { counted: effects, moment: 'after' })),
    ];
  });
}

function killed(fault: DemoFault, from: number, plan: Pick<CrashPlan, 'counted' | 'moment'>): Scenario {
  const { name, states, callsMax } = fault;
  const to = from + callsOfOne - 1;
  const calls = plan.moment === 'before' ? 'before port calls' : 'after effects';
  return {
    name: `kill -9 ${calls} ${from} to ${to}, ${name}`,
    holds: `the function process is killed ${calls} ${from} to ${to}, each in a run of its own, while ${states.join(', ')}: always the same end`,
    set,
    run: async (stage, migration, signal) => {
      for (let at = from; at <= to; at += 1) {
        const round = Number(migration.replace(/\D/g, '')) * 1_000 + at;
        await writeFile(join(stage.functionsFolder, planFile), JSON.stringify({ round, states, at, ...plan }));
        const death = () => readFile(join(stage.functionsFolder, deathFile(round)), 'utf8').catch(() => null);
        await play(stage, `${migration}-${at}`, fault.play, signal).catch(async (error: unknown) => {
          throw error instanceof BrokenRule
            ? new BrokenRule(`killed ${await death()} (${at}): ${error.message}`)
            : error;
        });
        // So many calls are not made: the story is over before.
        if ((await death()) === null) return;
        if (at === callsMax) throw new BrokenRule(`a story takes more than ${callsMax} calls`);
      }
    },
  };
}
