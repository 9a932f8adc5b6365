import type { Batch } from '../../src/domain/judge/state.ts';
import type { Random } from './random.ts';

/** What happens to the error rates of a migration. Seconds count from the first step; the warm-up lies before 0. */
export interface Weather {
  /** Usual error rate of both sides, as a fraction. */
  readonly base: number;
  readonly ratePerSecond: number;
  /** Both sides' rate at a moment, in place of `base`. */
  readonly common?: (second: number, base: number) => number;
  /** The target's rate where it is not the common one: a regression, a hiccup. */
  readonly target?: (second: number, common: number) => number;
  /** Each side's rate is multiplied by chance of its own: standard deviation of its logarithm, and memory in seconds (0: none). */
  readonly drift?: { readonly sd: number; readonly memory: number };
  /** So many bad requests of one client within one tick, once in so many seconds on average; in one connection, or spread by share. */
  readonly bursts?: { readonly requests: number; readonly every: number; readonly spread: boolean };
}

export const tickMs = 5_000;
const tickSeconds = tickMs / 1000;

export interface Tick extends Batch {
  /** Errors of the target that are due to its being worse. */
  readonly excess: number;
}

/** Traffic tick by tick; `share` is what the target gets in the next one. */
export function traffic(weather: Weather, random: Random, fromSecond: number): (share: number) => Tick {
  const { base, ratePerSecond, drift, bursts } = weather;
  let second = fromSecond;
  const state = { source: random.normal(), target: random.normal() };
  const kept = drift === undefined || drift.memory === 0 ? 0 : Math.exp(-tickSeconds / drift.memory);
  const factor = (side: 'source' | 'target'): number => {
    if (drift === undefined) return 1;
    state[side] = kept * state[side] + Math.sqrt(1 - kept * kept) * random.normal();
    return Math.exp(drift.sd * state[side] - drift.sd ** 2 / 2);
  };
  return (share) => {
    const common = weather.common?.(second, base) ?? base;
    const own = second < 0 ? common : (weather.target?.(second, common) ?? common);
    const all = random.poisson(ratePerSecond * tickSeconds);
    const atTarget = random.binomial(all, share / 100);
    const rates = { source: Math.min(1, common * factor('source')), target: Math.min(1, own * factor('target')) };
    const source = { requests: all - atTarget, errors: random.binomial(all - atTarget, rates.source) };
    const target = { requests: atTarget, errors: random.binomial(atTarget, rates.target) };
    if (bursts !== undefined && random.next() < tickSeconds / bursts.every) {
      const hit = random.next() < share / 100 ? bursts.requests : 0;
      const bad = bursts.spread ? random.binomial(bursts.requests, share / 100) : hit;
      addBad(target, bad);
      addBad(source, bursts.requests - bad);
    }
    second += tickSeconds;
    return { atMs: second * 1000, ms: tickMs, source, target, excess: target.requests * (own - common) };
  };
}

function addBad(count: { requests: number; errors: number }, bad: number): void {
  count.requests += bad;
  count.errors += bad;
}
