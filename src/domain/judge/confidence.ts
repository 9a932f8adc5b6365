import type { Count } from '../verdict.ts';

export interface Limits {
  readonly low: number;
  readonly high: number;
}

/**
 * Limits of an error rate that hold however often one looks: all rates against which a mixture of bets (a beta prior,
 * most of it at low rates) has not won `1 / miss` yet (Robbins 1970; Ville 1939). From 0 to 1 without requests.
 */
export function anytimeLimits({ requests, errors }: Count, miss: number): Limits {
  const good = requests - errors;
  const ln = lnBeta(prior[0] + errors, prior[1] + good) - lnBeta(prior[0], prior[1]);
  const wins = (rate: number) => ln - errors * Math.log(rate) - good * Math.log(1 - rate) >= -Math.log(miss);
  if (requests === 0) return { low: 0, high: 1 };
  const rate = errors / requests;
  return { low: errors === 0 ? 0 : edge(0, rate, wins), high: good === 0 ? 1 : edge(1, rate, wins) };
}

const prior = [0.5, 20] as const;

/**
 * Limits of a rate that was counted once and is looked at no more: Clopper and Pearson's, each missed once in a hundred
 * times.
 */
export function rateLimits({ requests, errors }: Count, miss = 0.01): Limits {
  if (requests === 0) return { low: 0, high: 1 };
  const rate = errors / requests;
  const isTooLow = (at: number) => betaShare(errors, requests - errors + 1, at) <= miss;
  const isTooHigh = (at: number) => 1 - betaShare(errors + 1, requests - errors, at) <= miss;
  return {
    low: errors === 0 ? 0 : edge(0, rate, isTooLow),
    high: errors === requests ? 1 : edge(1, rate, isTooHigh),
  };
}

/** Where between `outside` and `inside` the rates begin that are not excluded. */
function edge(outside: number, inside: number, isExcluded: (rate: number) => boolean): number {
  let [out, within] = [outside, inside];
  for (let halving = 0; halving < 50; halving += 1) {
    const middle = (out + within) / 2;
    if (isExcluded(middle)) out = middle;
    else within = middle;
  }
  return out;
}

function lnBeta(a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b);
}

/** Lanczos' approximation (g = 7, nine terms): 15 digits for arguments above 0. */
export function lnGamma(x: number): number {
  const coefficients = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const shifted = x - 1;
  const base = shifted + 7.5;
  const series = coefficients.reduce((sum, one, index) => sum + one / (shifted + index + 1), 0.9999999999998099);
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series);
}

/** The regularised incomplete beta function, by its continued fraction (modified Lentz). */
function betaShare(a: number, b: number, x: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(b, a, 1 - x);
  const front = Math.exp(a * Math.log(x) + b * Math.log(1 - x) - lnBeta(a, b)) / a;
  let [c, d] = [1, 1 / keepOff0(1 - ((a + b) * x) / (a + 1))];
  let sum = d;
  for (let term = 1; term <= 10_000; term += 1) {
    const even = (term * (b - term) * x) / ((a + 2 * term - 1) * (a + 2 * term));
    d = 1 / keepOff0(1 + even * d);
    c = keepOff0(1 + even / c);
    sum *= d * c;
    const odd = (-(a + term) * (a + b + term) * x) / ((a + 2 * term) * (a + 2 * term + 1));
    d = 1 / keepOff0(1 + odd * d);
    c = keepOff0(1 + odd / c);
    sum *= d * c;
    if (Math.abs(d * c - 1) < 1e-13) break;
  }
  return front * sum;
}

function keepOff0(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value;
}
