import type { Count } from '../../domain/verdict.ts';

/**
 * The asked share of a trace that does not say it: of the candidates the one that explains the counts. Another one takes
 * over when what was counted since is a million times as likely under it (a cumulative sum of log likelihood ratios), so that
 * few requests do not make it jump.
 */
export interface DerivedShare {
  /** The share that holds from this line on. */
  next(source: Count, target: Count): number;
}

const lnConvincing = Math.log(1e6);
/** Shares of 0 and 100 let a stray request through. */
const stray = 0.001;

export function derivedShare(candidates: readonly number[]): DerivedShare {
  const shares = [...new Set([0, ...candidates])].sort((a, b) => a - b);
  let current = 0;
  let sums = shares.map(() => 0);
  let isFirst = true;
  const lnLikelihood = (share: number, source: Count, target: Count): number => {
    const part = Math.min(1 - stray, Math.max(stray, share / 100));
    return target.requests * Math.log(part) + source.requests * Math.log(1 - part);
  };
  return {
    next: (source, target) => {
      const likelihoods = shares.map((share) => lnLikelihood(share, source, target));
      const now = likelihoods[shares.indexOf(current)] ?? 0;
      sums = sums.map((sum, index) => Math.max(0, sum + (likelihoods[index] ?? 0) - now));
      const best = sums.indexOf(Math.max(...sums));
      // There is nothing yet that the first line could contradict.
      if ((sums[best] ?? 0) > (isFirst ? 0 : lnConvincing)) {
        current = shares[best] ?? 0;
        sums = shares.map(() => 0);
      }
      isFirst = isFirst && source.requests + target.requests === 0;
      return current;
    },
  };
}
