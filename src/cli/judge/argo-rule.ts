import { type Minute, minutes, successRate } from './minutes.ts';
import type { Rule } from './rule.ts';

export interface ArgoOptions {
  /** The condition of the user: is this measurement a success? */
  readonly isGood?: (minute: Minute) => boolean;
  readonly failureLimit?: number;
  readonly count?: number;
  readonly intervalMs?: number;
}

/**
 * An AnalysisRun of Argo Rollouts for each step (reference judge.md 2.1): `count` measurements; failed as soon as more
 * than `failureLimit` failed, successful when all are taken. Without requests the value is NaN, and NaN >= 0.99 is false.
 */
export function argoRule({
  isGood = ({ target }) => (successRate(target) ?? 0) >= 0.99,
  failureLimit = 1,
  count = 5,
  intervalMs = 60_000,
}: ArgoOptions = {}): Rule {
  const interval = minutes(intervalMs);
  let taken = 0;
  let failed = 0;
  return {
    begin: (step) => {
      taken = 0;
      failed = 0;
      interval.begin(step);
    },
    observe: (batch) => {
      const minute = interval.add(batch);
      if (minute === null || failed > failureLimit || taken >= count) return;
      taken += 1;
      if (!isGood(minute)) failed += 1;
    },
    answer: () => {
      if (failed > failureLimit) return 'fail';
      return taken >= count ? 'pass' : 'insufficient';
    },
  };
}

/**
 * A condition that people write to compare with the stable side: at most 1.2 times its errors and half a point, from 20
 * requests on.
 */
export function isRelativelyGood({ source, target }: Minute): boolean {
  if (target.requests < 20) return true;
  const stable = source.requests === 0 ? 0 : source.errors / source.requests;
  return target.errors / target.requests <= 1.2 * stable + 0.005;
}
