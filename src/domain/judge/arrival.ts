import { isRepeatOf, type Sample, sampleKey } from '../verdict.ts';
import { endOf, intervalMsMax } from './cells.ts';
import { aheadMsMin } from './findings.ts';

/** What a program that reports should know of samples that were taken and do not count as it may think. */
export const arrivalReasons = ['repeated', 'conflict', 'late', 'long', 'ahead', 'elsewhere'] as const;
export type ArrivalReason = (typeof arrivalReasons)[number];

export interface Arrival {
  readonly reason: ArrivalReason;
  readonly count: number;
  /** Places in the request, the first twenty. */
  readonly samples: readonly number[];
  readonly message: string;
}

export interface Arrived {
  /** What was kept before the request. */
  readonly known: readonly Sample[];
  readonly nowMs: number;
  /** Intervals that ended until then were judged; null where nothing is judged yet. */
  readonly countedToMs: number | null;
  /** Those of the migration's routes; null where there is no migration yet. */
  readonly loadBalancers: readonly string[] | null;
}

const placesMax = 20;

const messages: Readonly<Record<ArrivalReason, string>> = {
  repeated: 'the same numbers were there already; they count once',
  conflict: 'the same instance told of the same interval with other numbers; the one with more requests counts',
  late: 'the interval was judged without it; it is kept, and changes no verdict',
  long: 'the interval is longer than 5 minutes; it is kept, and not judged',
  ahead: "the interval ends ahead of the store's clock; it waits until then (is the clock right?)",
  elsewhere: 'no route of the migration goes through this load balancer; it is in no share of a route',
};

/** One line a reason, in the order of `arrivalReasons`; nothing where every sample counts as it is. */
export function arrivalsOf(samples: readonly Sample[], arrived: Arrived): readonly Arrival[] {
  const seen = new Map<string, Sample[]>();
  const keep = (sample: Sample) => {
    const key = sampleKey(sample);
    const others = seen.get(key);
    if (others === undefined) seen.set(key, [sample]);
    else others.push(sample);
  };
  for (const sample of arrived.known) keep(sample);
  const found = samples.map((sample) => {
    const reasons = reasonsOf(sample, seen.get(sampleKey(sample)) ?? [], arrived);
    keep(sample);
    return reasons;
  });
  return arrivalReasons.flatMap((reason) => {
    const places = found.flatMap((reasons, index) => (reasons.includes(reason) ? [index] : []));
    if (places.length === 0) return [];
    return [{ reason, count: places.length, samples: places.slice(0, placesMax), message: messages[reason] }];
  });
}

function reasonsOf(sample: Sample, others: readonly Sample[], arrived: Arrived): readonly ArrivalReason[] {
  const { nowMs, countedToMs, loadBalancers } = arrived;
  if (others.some((other) => isRepeatOf(sample, other))) return ['repeated'];
  const { loadBalancer } = sample;
  const isElsewhere = loadBalancer !== undefined && loadBalancers !== null && !loadBalancers.includes(loadBalancer);
  return [
    ...(others.length > 0 ? (['conflict'] as const) : []),
    ...(countedToMs !== null && endOf(sample) <= countedToMs ? (['late'] as const) : []),
    ...(sample.ms > intervalMsMax ? (['long'] as const) : []),
    ...(endOf(sample) > nowMs + aheadMsMin ? (['ahead'] as const) : []),
    ...(isElsewhere ? (['elsewhere'] as const) : []),
  ];
}
