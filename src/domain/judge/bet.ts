/**
 * One bet against a hypothesis on two error rates, as an e-value: `exp` of what it pays is at most 1 on average wherever
 * the hypothesis is true (Turner, Ly, Grunwald, arXiv 2106.02693; reference judge.md 2.3).
 */

/** Requests and errors of both sides in one batch; fractions where counts were reduced for noise. */
export interface Tally {
  readonly source: { readonly requests: number; readonly errors: number };
  readonly target: { readonly requests: number; readonly errors: number };
}

/** Edge of a hypothesis: the target's rate is `ratio` times the source's, plus `offset`. */
export interface Edge {
  readonly ratio: number;
  readonly offset: number;
}

/** Error rates of both sides that a bet expects; outside of the hypothesis, or the bet must not be made. */
export interface Rates {
  readonly source: number;
  readonly target: number;
}

/** Rates of exactly 0 or 1 would lose everything at the first request that says otherwise. */
const rateMin = 1e-6;
const iterationsMax = 100;

export function bounded(rate: number): number {
  return Math.min(1 - rateMin, Math.max(rateMin, rate));
}

/** The logarithm of what the bet on `rates` against the edge pays for this batch. */
export function lnPayout(tally: Tally, rates: Rates, edge: Edge): number {
  const { source, target } = tally;
  if (target.requests === 0) return 0;
  const atSource = nearestOnEdge(target.requests, source.requests, rates, edge);
  const atTarget = edge.ratio * atSource + edge.offset;
  return lnRatio(target, rates.target, atTarget) + lnRatio(source, rates.source, atSource);
}

/** The same against a known rate of the target, where there is no source to compare with. */
export function lnPayoutAgainst(target: Tally['target'], expected: number, limit: number): number {
  return lnRatio(target, expected, limit);
}

function lnRatio({ requests, errors }: Tally['target'], expected: number, limit: number): number {
  if (requests === 0) return 0;
  const good = (requests - errors) * Math.log((1 - expected) / (1 - limit));
  return errors === 0 ? good : good + errors * Math.log(expected / limit);
}

/**
 * The source's rate at the point of the edge that is nearest to `rates` (least Kullback-Leibler divergence of the whole
 * batch). It lies between the two points that either side alone would choose. Solved to the last digits: at a tolerance
 * of 1e-5 the bets pay more than 1 on average.
 */
export function nearestOnEdge(n: number, m: number, rates: Rates, { ratio, offset }: Edge): number {
  const alone = (rates.target - offset) / ratio;
  const top = Math.min(1, (1 - offset) / ratio) - 1e-15;
  if (m === 0) return Math.min(top, Math.max(0, alone));
  let low = Math.max(1e-15, Math.min(rates.source, alone));
  let high = Math.min(top, Math.max(rates.source, alone));
  let at = (low + high) / 2;
  for (let iteration = 0; iteration < iterationsMax; iteration += 1) {
    const x = ratio * at + offset;
    // The derivative of the divergence, times both variances: the same sign, and a smooth cubic for Newton's method.
    const slope = n * ratio * (x - rates.target) * at * (1 - at) + m * (at - rates.source) * x * (1 - x);
    if (slope === 0) return at;
    if (slope > 0) high = at;
    else low = at;
    const bend =
      n * ratio * (ratio * at * (1 - at) + (x - rates.target) * (1 - 2 * at)) +
      m * (x * (1 - x) + (at - rates.source) * ratio * (1 - 2 * x));
    const next = at - slope / bend;
    const inside = next > low && next < high;
    const moved = inside ? next : (low + high) / 2;
    if (Math.abs(moved - at) <= 1e-15 * at) return moved;
    at = moved;
  }
  return at;
}
