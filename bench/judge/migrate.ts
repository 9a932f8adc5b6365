import type { Rule } from '../../src/cli/judge/rule.ts';
import { seeded } from './random.ts';
import { tickMs, traffic, type Weather } from './traffic.ts';

/** One whole migration: ten minutes of source traffic, then 10, 25 and 50 per cent, each for five minutes at least. */
const steps = [
  { share: 10, nextShare: 25 },
  { share: 25, nextShare: 50 },
  { share: 50, nextShare: 100 },
] as const;
const soakSeconds = 300;
const warmUpSeconds = 600;
const horizonSeconds = 6 * 3600;

export interface Ending {
  readonly end: 'completed' | 'rolledBack' | 'held';
  readonly seconds: number;
  /** Failed requests that the target's being worse has cost. */
  readonly excess: number;
}

/** @param soak Sluice bakes each step; the others go on when their own rule says so */
export function migrate(rule: Rule, weather: Weather, seed: number, soak: boolean): Ending {
  const next = traffic(weather, seeded(seed), -warmUpSeconds);
  for (let second = -warmUpSeconds; second < 0; second += tickMs / 1000) rule.observe(next(0));
  let [second, excess] = [0, 0];
  for (const step of steps) {
    const began = second;
    rule.begin({ ...step, fromMs: began * 1000 });
    for (;;) {
      const tick = next(step.share);
      rule.observe(tick);
      second += tickMs / 1000;
      excess += tick.excess;
      const answer = rule.answer();
      if (answer === 'fail') return { end: 'rolledBack', seconds: second, excess };
      if (second >= horizonSeconds) return { end: 'held', seconds: second, excess };
      if (answer === 'pass' && (!soak || second - began >= soakSeconds)) break;
    }
  }
  return { end: 'completed', seconds: second, excess };
}
