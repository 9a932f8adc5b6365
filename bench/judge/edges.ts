import { sluiceRule } from '../../src/cli/judge/sluice-rule.ts';
import { marginBefore, policyOf } from '../../src/domain/judge/policy.ts';
import { seeded } from './random.ts';
import { traffic, type Weather } from './traffic.ts';

/** How often the judge is wrong where it is hardest: on the edge of what it must not call failed, or passed. */
export interface EdgeRow {
  readonly name: string;
  readonly falseFail: number;
  readonly wrongPass: number;
}

const hourTicks = 720;
const policy = policyOf({});

export function measureEdges(migrations: number): readonly EdgeRow[] {
  return [0.001, 0.01, 0.1].flatMap((base) =>
    [5, 50, 1000].map((ratePerSecond) => ({
      name: `${base * 100} %, ${ratePerSecond} rps`,
      falseFail: part(
        'fail',
        { base, ratePerSecond, target: (_, common) => policy.ratio * common + policy.offset },
        migrations,
      ),
      wrongPass: part(
        'pass',
        { base, ratePerSecond, target: (_, common) => common + marginBefore(50, policy) },
        migrations,
      ),
    })),
  );
}

/** Per cent of the hours, looked at every five seconds, in which the answer was given at least once. */
function part(answer: 'pass' | 'fail', weather: Weather, hours: number): number {
  let wrong = 0;
  for (let hour = 0; hour < hours; hour += 1) {
    const next = traffic(weather, seeded(50_000 + hour), -600);
    const rule = sluiceRule(policy);
    for (let tick = 0; tick < 120; tick += 1) rule.observe(next(0));
    rule.begin({ share: 25, nextShare: 50, fromMs: 0 });
    for (let tick = 0; tick < hourTicks; tick += 1) {
      rule.observe(next(25));
      if (rule.answer() !== answer) continue;
      wrong += 1;
      break;
    }
  }
  return (100 * wrong) / hours;
}
