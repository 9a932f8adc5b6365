/** Upper bounds of the latency buckets, in milliseconds; the last bucket has none. As Envoy's, with a finer foot. */
export const latencyBoundsMs = [
  0.5, 1, 2, 3, 5, 7.5, 10, 15, 25, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
] as const;

/** Counted answers: `errors` are 5xx, `lost` got no answer of a backend at all, `latency` counts per bucket. */
export interface Tally {
  requests: number;
  errors: number;
  lost: number;
  latencySumMs: number;
  latency: number[];
}

export interface Counts {
  readonly requests: number;
  readonly errors: number;
  readonly latencyMs: { readonly mean: number; readonly p99: number };
}

export function emptyTally(): Tally {
  return { requests: 0, errors: 0, lost: 0, latencySumMs: 0, latency: latencyBoundsMs.map(() => 0).concat(0) };
}

export function countAnswer(tally: Tally, isError: boolean, latencyMs: number): void {
  tally.requests += 1;
  if (isError) tally.errors += 1;
  tally.latencySumMs += latencyMs;
  const bucket = latencyBoundsMs.findIndex((bound) => latencyMs <= bound);
  const index = bucket === -1 ? latencyBoundsMs.length : bucket;
  tally.latency[index] = (tally.latency[index] ?? 0) + 1;
}

/** What was counted between two readings of one tally. */
export function difference(after: Tally, before: Tally): Tally {
  return {
    requests: after.requests - before.requests,
    errors: after.errors - before.errors,
    lost: after.lost - before.lost,
    latencySumMs: after.latencySumMs - before.latencySumMs,
    latency: after.latency.map((count, index) => count - (before.latency[index] ?? 0)),
  };
}

export function addTo(tally: Tally, more: Tally): void {
  tally.requests += more.requests;
  tally.errors += more.errors;
  tally.lost += more.lost;
  tally.latencySumMs += more.latencySumMs;
  for (const [index, count] of more.latency.entries()) tally.latency[index] = (tally.latency[index] ?? 0) + count;
}

/** Requests, errors and latency of a tally; the 99th percentile is interpolated within its bucket. */
export function countsOf(tally: Tally): Counts {
  const answered = tally.latency.reduce((sum, count) => sum + count, 0);
  const mean = answered === 0 ? 0 : tally.latencySumMs / answered;
  return {
    requests: tally.requests,
    errors: tally.errors,
    latencyMs: { mean: round(mean), p99: round(percentile(tally.latency, answered, 0.99)) },
  };
}

function percentile(latency: readonly number[], answered: number, fraction: number): number {
  if (answered === 0) return 0;
  let before = 0;
  for (const [index, count] of latency.entries()) {
    const from = index === 0 ? 0 : (latencyBoundsMs[index - 1] ?? 0);
    const to = latencyBoundsMs[index] ?? from;
    if (before + count >= fraction * answered) return from + ((to - from) * (fraction * answered - before)) / count;
    before += count;
  }
  return latencyBoundsMs.at(-1) ?? 0;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
