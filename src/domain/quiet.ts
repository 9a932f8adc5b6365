import { connectionsOf } from './leftover.ts';
import type { Side } from './spec.ts';
import type { Sample } from './verdict.ts';

/** What was counted at one side over a while, however it got there: the proof that nobody needs it any more. */
export interface Quiet {
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether somebody counted all of that time; null numbers where nobody did at all. */
  readonly isCounted: boolean;
  readonly requests: number | null;
  /** Of the requests, those that came past every load balancer (E34); null where not every sample tells. */
  readonly direct: number | null;
  /** Open at the last count; null where no sample tells. */
  readonly connections: number | null;
}

/** Samples arrive some seconds after their interval, so the newest end is a little ago. */
const lateMsMax = 60_000;

/** What a side was asked in the last `forMs` milliseconds. */
export function quietOf(samples: readonly Sample[], side: Side, forMs: number, atMs: number): Quiet {
  const fromMs = atMs - forMs;
  const own = samples.filter((sample) => sample.side === side && endOf(sample) > fromMs && sample.fromMs < atMs);
  const isTold = own.length > 0 && own.every(({ direct }) => direct !== undefined);
  return {
    fromMs,
    toMs: atMs,
    isCounted: isCovered(own, fromMs, atMs),
    requests: own.length === 0 ? null : sum(own, ({ requests }) => requests),
    direct: isTold ? sum(own, ({ direct = 0 }) => direct) : null,
    connections: connectionsOf({ samples: own }),
  };
}

/** Between two intervals is at most half of one, as clocks and timers have it, and the newest is as old as one may be. */
function isCovered(samples: readonly Sample[], fromMs: number, atMs: number): boolean {
  let coveredMs = fromMs;
  for (const sample of [...samples].sort((a, b) => a.fromMs - b.fromMs)) {
    if (sample.fromMs > coveredMs + sample.ms / 2) return false;
    coveredMs = Math.max(coveredMs, endOf(sample));
  }
  const lateMs = Math.min(lateMsMax, (atMs - fromMs) / 2);
  return samples.length > 0 && coveredMs >= atMs - lateMs;
}

function endOf({ fromMs, ms }: Sample): number {
  return fromMs + ms;
}

function sum(samples: readonly Sample[], countOf: (sample: Sample) => number): number {
  return samples.reduce((all, sample) => all + countOf(sample), 0);
}
