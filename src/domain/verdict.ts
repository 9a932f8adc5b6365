import type { Analysis, Side } from './spec.ts';

/** Requests and errors that one instance of one side counted in one interval. */
export interface Sample {
  readonly side: Side;
  /** The program that counted; with `side` and `fromMs` it identifies the sample, so that a repeat counts once. */
  readonly instance: string;
  readonly fromMs: number;
  readonly ms: number;
  readonly requests: number;
  readonly errors: number;
  /** The load balancer that the requests came through, where the program tells them apart; part of the identity. */
  readonly loadBalancer?: string;
  /** Connections through a load balancer (that one, where it is named) that were open at the end of the interval. */
  readonly connections?: number;
  /** How many of `requests` came past every load balancer; where it is absent nobody tells. */
  readonly direct?: number;
}

export interface Count {
  readonly requests: number;
  readonly errors: number;
}

export type VerdictKind = 'pass' | 'fail' | 'insufficient' | 'error';

/** What the samples say of one step, with the numbers behind it. */
export interface Verdict {
  readonly kind: VerdictKind;
  readonly source: Count;
  readonly target: Count;
  /** Error rate of the target less that of the source, as a fraction; null where either has no requests. */
  readonly difference: number | null;
  /** The largest difference that passes at this share. */
  readonly margin: number;
  readonly reason: string;
}

export interface JudgeQuestion {
  readonly samples: readonly Sample[];
  /** Share asked in this step, per cent. */
  readonly share: number;
  /** Only samples from here on are of this step; the source may be compared over the whole run where it got none since. */
  readonly sinceMs: number;
  readonly analysis: Analysis;
}

/**
 * Judges one step by the difference of the two sides' error rates. The margin is what of the harm budget falls on the
 * share: half a per cent of all traffic is 5 points at a share of 10 and 1 point at 50 (reference judge.md 2.3).
 */
export function judge({ samples, share, sinceMs, analysis }: JudgeQuestion): Verdict {
  const target = countOf(samples, 'target', sinceMs);
  const recent = countOf(samples, 'source', sinceMs);
  const isEnough = recent.requests >= analysis.minRequests;
  const source = isEnough ? recent : countOf(samples, 'source', 0);
  const margin = share <= 0 ? 1 : Math.min(1, analysis.harmBudget / (share / 100));
  const numbers = { source, target, margin };
  if (share === 0) return { ...numbers, kind: 'pass', difference: null, reason: 'the target has no share to judge' };
  const missing = missingRequests(source, target, analysis.minRequests);
  if (missing !== null) return { ...numbers, kind: 'insufficient', difference: null, reason: missing };
  const difference = rateOf(target) - rateOf(source);
  const kind = difference > margin ? 'fail' : 'pass';
  const reason = `errors: target ${perCent(rateOf(target))}, source ${perCent(rateOf(source))}; difference ${points(difference)} of at most ${points(margin)}`;
  return { ...numbers, kind, difference, reason };
}

/** The verdict where the samples could not be read: neither good nor bad. */
export function unmeasured(reason: string): Verdict {
  const none = { requests: 0, errors: 0 };
  return { kind: 'error', source: none, target: none, difference: null, margin: 0, reason };
}

/** Per cent of the counted requests that the target got, null where nobody counted any. */
export function observedShare(samples: readonly Sample[], sinceMs: number): number | null {
  const { target, all } = divided(samples, sinceMs);
  return all === 0 ? null : (target / all) * 100;
}

/** So many standard deviations of counting away from a share is no chance any more: once in 16,000 looks. */
const chanceMax = 4;
/** Fewer requests than this say nothing of a share. */
const countedMin = 100;

/** What the counters say against a share, in words; null where they agree with it or too few requests were counted. */
export function miscounted(
  samples: readonly Sample[],
  { share, sinceMs, tolerance }: { readonly share: number; readonly sinceMs: number; readonly tolerance: number },
): string | null {
  const { target, all } = divided(samples, sinceMs);
  if (all < countedMin) return null;
  const chance = (chanceMax * Math.sqrt((share / 100) * (1 - share / 100))) / Math.sqrt(all);
  const observed = (target / all) * 100;
  if (Math.abs(observed - share) <= tolerance + chance * 100) return null;
  return `${observed.toFixed(1)} per cent of ${all} counted requests went to the target, not ${share}`;
}

/** The observed share at one load balancer, in per cent. */
export interface ObservedShare {
  readonly loadBalancer: string;
  readonly share: number;
}

/** The observed share at each of the load balancers that the samples name. */
export function observedShares(
  samples: readonly Sample[],
  loadBalancers: readonly string[],
  sinceMs: number,
): readonly ObservedShare[] {
  return [...new Set(loadBalancers)].flatMap((loadBalancer) => {
    const share = observedShare(samplesOf(samples, loadBalancer), sinceMs);
    return share === null ? [] : [{ loadBalancer, share }];
  });
}

/** Samples of the requests that came through one load balancer: only those that say so. */
export function samplesOf(samples: readonly Sample[], loadBalancer: string): readonly Sample[] {
  return samples.filter((sample) => sample.loadBalancer === loadBalancer);
}

/** Requests a second that move, of both sides together, over the time that the samples span; null where nobody counted. */
export function requestRate(samples: readonly Sample[]): number | null {
  let [fromMs, toMs, requests] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const sample of samples) {
    fromMs = Math.min(fromMs, sample.fromMs);
    toMs = Math.max(toMs, sample.fromMs + sample.ms);
    requests += movable(sample);
  }
  return toMs > fromMs ? (requests / (toMs - fromMs)) * 1000 : null;
}

/** One sample an instance, load balancer and interval: of a repeat with other numbers the one with more requests counts. */
export function withoutRepeats(samples: readonly Sample[]): readonly Sample[] {
  const byInterval = new Map<string, Sample>();
  for (const sample of samples) {
    const key = `${sample.side} ${sample.instance} ${sample.fromMs} ${sample.loadBalancer ?? ''}`;
    const known = byInterval.get(key);
    if (known === undefined || sample.requests > known.requests) byInterval.set(key, sample);
  }
  return [...byInterval.values()];
}

function rateOf(count: Count): number {
  return count.requests === 0 ? 0 : count.errors / count.requests;
}

function countOf(samples: readonly Sample[], side: Side, sinceMs: number): Count {
  const counted = samples.filter((sample) => sample.side === side && sample.fromMs >= sinceMs);
  return {
    requests: counted.reduce((sum, { requests }) => sum + requests, 0),
    errors: counted.reduce((sum, { errors }) => sum + errors, 0),
  };
}

/**
 * Requests that the weights divide. Direct ones are not the load balancer's to divide, so they are in no share. A verdict
 * counts them: their errors are not told apart, and a gateway that fails, fails whichever way a request came.
 */
export function movable({ requests, direct = 0 }: Sample): number {
  return requests - direct;
}

function divided(samples: readonly Sample[], sinceMs: number): { readonly target: number; readonly all: number } {
  let [source, target] = [0, 0];
  for (const sample of samples) {
    if (sample.fromMs < sinceMs) continue;
    if (sample.side === 'target') target += movable(sample);
    else source += movable(sample);
  }
  return { target, all: source + target };
}

function missingRequests(source: Count, target: Count, minRequests: number): string | null {
  if (target.requests < minRequests) return `the target has ${target.requests} of ${minRequests} requests needed`;
  if (source.requests < minRequests) return `the source has ${source.requests} of ${minRequests} requests needed`;
  return null;
}

function perCent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}

function points(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} points`;
}
