import type { Count } from '../verdict.ts';

/** Noise of the source that is more than chance, and with it how many requests of a batch count as one. */
export interface Bursts {
  readonly excess: number;
  readonly weight: number;
}

export const noBursts: Bursts = { excess: 0, weight: 0 };

const batchKept = 0.98;
const bursts = { most: 2, priorWeight: 1 } as const;

/** Variance beyond chance of the errors in a batch, as a fraction of the squared expectation: 0 where there is none. */
export function burstiness({ excess, weight }: Bursts): number {
  return Math.min(bursts.most, Math.max(0, excess / (weight + bursts.priorWeight)));
}

/** Only the source is looked at, so that a regression of the target cannot hide in it (reference judge.md 2.3). */
export function withBatch(known: Bursts, { requests, errors }: Count, rate: number, batches: number): Bursts {
  const expected = requests * rate;
  const far = 9 * (expected + burstiness(known) * expected ** 2 + 1);
  const kept = batchKept ** batches;
  return {
    excess: kept * known.excess + Math.min((errors - expected) ** 2, far) - expected,
    weight: kept * known.weight + expected ** 2,
  };
}

/** The batch as so many requests as it is worth: in bursts, several errors have one cause. */
export function worth({ requests, errors }: Count, rate: number, burst: number): Count {
  const one = 1 + burst * requests * rate;
  return { requests: requests / one, errors: errors / one };
}

/** How much the source's error rate sways by itself from one minute to the next. */
export interface Sway {
  /** The minute that is being counted, and the one before it. */
  readonly ms: number;
  readonly now: Count;
  readonly before: Count | null;
  /** Squared differences of minutes beyond chance, the variance that this has by chance alone, and squared expectations. */
  readonly excess: number;
  readonly spread: number;
  readonly weight: number;
}

const none: Count = { requests: 0, errors: 0 };
export const noSway: Sway = { ms: 0, now: none, before: null, excess: 0, spread: 0, weight: 0 };

const minuteMs = 60_000;
/** Minutes are forgotten slowly; few errors say little; and of a sway that lasts minutes the differences show about half. */
const sway = { kept: 0.95, priorWeight: 20, most: 0.25, unseen: 2 } as const;

/**
 * Variance of the sway as a fraction of the squared rate, what may be chance taken off. Differences of neighbouring
 * minutes tell it, since the level itself may jump; only those of the source, so that a regression cannot hide in it.
 */
export function swayVariance({ excess, spread, weight }: Sway): number {
  const beyond = sway.unseen * (excess - Math.sqrt(spread));
  return Math.min(sway.most, Math.max(0, beyond / (weight + sway.priorWeight)));
}

export function withMinute(known: Sway, ms: number, count: Count): Sway {
  const now = { requests: known.now.requests + count.requests, errors: known.now.errors + count.errors };
  if (known.ms + ms < minuteMs) return { ...known, ms: known.ms + ms, now };
  const { before } = known;
  if (before === null || before.requests === 0 || now.requests === 0)
    return { ...known, ms: 0, now: none, before: now };
  // As if both minutes had had as many requests as the later one.
  const scale = now.requests / before.requests;
  const scaled = before.errors * scale;
  const expected = (now.errors + scaled) / 2;
  const chance = now.errors + scaled * scale;
  const far = 9 * (chance + 2 * swayVariance(known) * expected ** 2 + 1);
  return {
    ms: 0,
    now: none,
    before: now,
    excess: sway.kept * known.excess + (Math.min((now.errors - scaled) ** 2, far) - chance) / 2,
    spread: sway.kept ** 2 * known.spread + chance ** 2 / 2,
    weight: sway.kept * known.weight + expected ** 2,
  };
}

/** An outage is no sway: the minutes around it are not compared. */
export function withoutMinute(known: Sway): Sway {
  return { ...known, ms: 0, now: none, before: null };
}

/** By what factor two sides that sway by themselves may differ and still count as equal: so many standard deviations. */
export function swayFactor(known: Sway, deviations: number): number {
  return Math.exp(deviations * Math.sqrt(Math.log(1 + swayVariance(known))));
}
