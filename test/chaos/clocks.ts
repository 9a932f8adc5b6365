import { unharmed } from './play.ts';
import { isAt, plays, type Scenario, type StageSet } from './scenario.ts';

const speed = 10;
/** Ten minutes of the sandbox, as the wall counts them. */
const offMs = (10 * 60_000) / speed;

const cases: readonly (readonly [string, string, Readonly<Record<string, number>>])[] = [
  ['ahead', 'are ahead of', { api: offMs, tick: offMs, step: offMs, watchdog: offMs }],
  ['behind', 'are behind', { api: -offMs, tick: -offMs, step: -offMs, watchdog: -offMs }],
  ['apart', 'are some ahead of and some behind', { api: -offMs, tick: -offMs, step: offMs, watchdog: offMs }],
];

/** Instances whose clocks are ten minutes off Redis's. The bake is long enough for the watchdog to look twice. */
export function clockScenarios(): readonly Scenario[] {
  return cases.map(([key, words, aheadMs]) => {
    const set: StageSet = { key: `clocks ${key}`, open: () => ({ speed, aheadMs }) };
    return plays(
      `clocks of the functions ${key}`,
      `the clocks of the functions ${words} Redis by ten minutes: the canary ends as if nothing had been`,
      {
        spec: { steps: [{ share: 60, bake: '2m' }] },
        when: isAt('progressing.baking'),
        strike: () => undefined,
        lasts: 0,
        mend: () => undefined,
        end: unharmed,
      },
      set,
    );
  });
}
