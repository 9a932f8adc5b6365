import { minutes, successRate } from './minutes.ts';
import type { Rule, RuleAnswer } from './rule.ts';

/**
 * Kayenta's judge as Netflix wrote it (reference judge.md 2.1): a Mann-Whitney test over error rates of both sides, once, at
 * the end of the interval. High, and so failed, where the lower limit of the shift is above a quarter of its estimate
 * and the mean has grown.
 */
export function kayentaRule({ points = 50, intervalMs = 60_000 } = {}): Rule {
  const interval = minutes(intervalMs);
  let source: number[] = [];
  let target: number[] = [];
  let taken = 0;
  let answer: RuleAnswer = 'insufficient';
  return {
    begin: (step) => {
      [source, target, taken, answer] = [[], [], 0, 'insufficient'];
      interval.begin(step);
    },
    observe: (batch) => {
      const minute = interval.add(batch);
      if (minute === null || taken >= points) return;
      taken += 1;
      const [good, canary] = [successRate(minute.source), successRate(minute.target)];
      if (good !== null) source.push(1 - good);
      if (canary !== null) target.push(1 - canary);
      if (taken === points) answer = classify(source, target);
    },
    answer: () => answer,
  };
}

/** Two-sided 98 per cent. */
const z = 2.326;
const tolerance = 0.25;

function classify(source: readonly number[], target: readonly number[]): RuleAnswer {
  // Nodata: neither high nor low, the canary is not scored.
  if (source.length === 0 || target.length === 0) return 'insufficient';
  const shifts = target.flatMap((one) => source.map((other) => one - other)).sort((a, b) => a - b);
  const [n, m] = [target.length, source.length];
  const estimate = shifts[Math.floor(shifts.length / 2)] ?? 0;
  const rank = Math.floor((n * m) / 2 - z * Math.sqrt((n * m * (n + m + 1)) / 12));
  const low = shifts[Math.max(0, rank)] ?? 0;
  const isHigh = low > tolerance * Math.abs(estimate) && mean(target) >= mean(source);
  return isHigh ? 'fail' : 'pass';
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
