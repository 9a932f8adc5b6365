import type { Side } from './spec.ts';

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
  /** How many of `requests` took longer than the spec's `latency.over`; where it is absent they say nothing of latency. */
  readonly slow?: number;
}

export interface Count {
  readonly requests: number;
  readonly errors: number;
}

export type VerdictKind = 'pass' | 'fail' | 'insufficient' | 'error';

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
    const key = sampleKey(sample);
    const known = byInterval.get(key);
    if (known === undefined || sample.requests > known.requests) byInterval.set(key, sample);
  }
  return [...byInterval.values()];
}

/** What two reports of the same interval have in common. */
export function sampleKey({ side, instance, fromMs, loadBalancer = '' }: Sample): string {
  return `${side} ${instance} ${fromMs} ${loadBalancer}`;
}

/** Of two samples with the same key: true where they say the same. */
export function isRepeatOf(one: Sample, other: Sample): boolean {
  return (['ms', 'requests', 'errors', 'connections', 'direct', 'slow'] as const).every(
    (field) => one[field] === other[field],
  );
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
