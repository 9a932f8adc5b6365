import { lnGamma } from '../../src/domain/judge/confidence.ts';

/** Chance with a seed: the same traffic in every run of the bench. */
export interface Random {
  /** Evenly between 0 and 1, both excluded. */
  next(): number;
  normal(): number;
  poisson(mean: number): number;
  binomial(count: number, rate: number): number;
}

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  // Mulberry32.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return {
    next,
    normal: () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next()),
    poisson: (mean) => (mean < 15 ? smallPoisson(next, mean) : largePoisson(next, mean)),
    binomial: (count, rate) => {
      if (count === 0 || rate <= 0) return 0;
      if (rate > 0.5) return count - lowBinomial(next, count, Math.max(0, 1 - rate));
      return lowBinomial(next, count, rate);
    },
  };
}

function smallPoisson(next: () => number, mean: number): number {
  const limit = Math.exp(-mean);
  let product = next();
  let events = 0;
  while (product > limit) {
    product *= next();
    events += 1;
  }
  return events;
}

/** Transformed rejection (Hormann 1993, PTRS). */
function largePoisson(next: () => number, mean: number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const lnInverse = Math.log(1.1239 + 1.1328 / (b - 3.4));
  const quick = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = next() - 0.5;
    const v = next();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / edge + b) * u + mean + 0.43);
    if (edge >= 0.07 && v <= quick) return k;
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    const accepted = k * Math.log(mean) - mean - lnGamma(k + 1);
    if (Math.log(v) + lnInverse - Math.log(a / (edge * edge) + b) <= accepted) return k;
  }
}

function lowBinomial(next: () => number, count: number, rate: number): number {
  if (rate === 0) return 0;
  return count * rate < 15 ? smallBinomial(next, count, rate) : largeBinomial(next, count, rate);
}

/** Counts the failures by the successes between them. */
function smallBinomial(next: () => number, count: number, rate: number): number {
  const lnGood = Math.log1p(-rate);
  let at = 0;
  for (let failures = 0; ; failures += 1) {
    at += Math.floor(Math.log(next()) / lnGood) + 1;
    if (at > count) return failures;
  }
}

/** Transformed rejection (Hormann 1993, BTRS). */
function largeBinomial(next: () => number, count: number, rate: number): number {
  const deviation = Math.sqrt(count * rate * (1 - rate));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * rate;
  const quick = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * deviation;
  const mode = Math.floor((count + 1) * rate);
  const atMode = lnGamma(mode + 1) + lnGamma(count - mode + 1);
  for (;;) {
    const u = next() - 0.5;
    const v = next();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / edge + b) * u + count * rate + 0.5);
    if (edge >= 0.07 && v <= quick) return k;
    if (k < 0 || k > count) continue;
    const accepted = atMode - lnGamma(k + 1) - lnGamma(count - k + 1) + (k - mode) * Math.log(rate / (1 - rate));
    if (Math.log((v * alpha) / (a / (edge * edge) + b)) <= accepted) return k;
  }
}
