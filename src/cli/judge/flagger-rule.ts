import { minutes, successRate } from './minutes.ts';
import type { Rule } from './rule.ts';

/**
 * Flagger's analysis as read in its scheduler (reference judge.md 2.1): the target's success rate alone, once an
 * interval; failed checks add up and are never forgiven; no traffic is a failed check; at the threshold the next tick
 * rolls back. One good check lets the share rise.
 */
export function flaggerRule({ successMin = 0.99, threshold = 5, intervalMs = 60_000 } = {}): Rule {
  const interval = minutes(intervalMs);
  let failedChecks = 0;
  let wasGood = false;
  let isRolledBack = false;
  return {
    begin: (step) => {
      wasGood = false;
      interval.begin(step);
    },
    observe: (batch) => {
      const minute = interval.add(batch);
      if (minute === null) return;
      if (failedChecks >= threshold) isRolledBack = true;
      wasGood = (successRate(minute.target) ?? 0) >= successMin;
      if (!wasGood) failedChecks += 1;
    },
    answer: () => {
      if (isRolledBack) return 'fail';
      return wasGood ? 'pass' : 'insufficient';
    },
  };
}
