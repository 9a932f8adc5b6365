import type { AchievedShare } from './agreement.ts';
import type { Side } from './spec.ts';
import { movable, type Sample } from './verdict.ts';

/**
 * What still reaches a side that has weight 0 on one load balancer. A weight decides where new connections go: those that
 * are open flow on (reference E11), and callers inside the cluster come past the load balancer (E34).
 */
export interface Leftover {
  readonly loadBalancer: string;
  /** The side with weight 0. */
  readonly side: Side;
  /** Open connections at the last count; null where no sample says how many. */
  readonly connections: number | null;
  /**
   * Requests of the last minute that are not known to have come past the load balancer, since the weight is 0; null where
   * nobody has counted since.
   */
  readonly requests: number | null;
  /**
   * Requests of the last minute that came past every load balancer, so of the whole side; null where no sample says it, and
   * `requests` may then hold such ones.
   */
  readonly direct: number | null;
  /** `gateway`: connections and requests are of the whole side, because samples do not tell its load balancers apart. */
  readonly countedAt: 'loadBalancer' | 'gateway';
  /** End of the newest interval counted at the side; null where nobody counts. */
  readonly countedAtMs: number | null;
}

export interface LeftoverQuestion {
  /** As verified. */
  readonly achieved: readonly AchievedShare[];
  /** The side that the traffic was taken from. */
  readonly side: Side;
  readonly samples: readonly Sample[];
  /** Since when the weights are as they are: what was counted before is not left over. */
  readonly sinceMs: number;
  readonly atMs: number;
}

const minuteMs = 60_000;

/** What is left at one side, on each load balancer on which it has weight 0 at every port. */
export function leftoversOf({ achieved, side, samples, sinceMs, atMs }: LeftoverQuestion): readonly Leftover[] {
  const weightOf = (port: AchievedShare) => (side === 'source' ? port.sourceWeight : port.targetWeight);
  const loadBalancers = [...new Set(achieved.map(({ loadBalancer }) => loadBalancer))].filter((one) =>
    achieved.every((port) => port.loadBalancer !== one || weightOf(port) === 0),
  );
  const newest = newestMinute(samples, side, atMs);
  const isTold = canBeTold(newest, sinceMs);
  return loadBalancers.map((loadBalancer) => {
    const named = newest.samples.filter((sample) => sample.loadBalancer === loadBalancer);
    const isOwn = isTold && named.length > 0;
    const counted = { ...newest, samples: isOwn ? named : newest.samples };
    return {
      loadBalancer,
      side,
      connections: connectionsOf(counted),
      requests: requestsOf(counted, sinceMs),
      direct: directOf(newest),
      countedAt: isOwn ? 'loadBalancer' : 'gateway',
      countedAtMs: newest.endMs,
    };
  });
}

interface Minute {
  readonly samples: readonly Sample[];
  /** Null where there is none. */
  readonly endMs: number | null;
}

/**
 * The minute up to the newest sample, which is some seconds old when it is read. Where the newest one is so old that
 * several after it are missing, nobody counts any more.
 */
function newestMinute(samples: readonly Sample[], side: Side, atMs: number): Minute {
  const own = samples.filter((sample) => sample.side === side);
  const newest = own.reduce<Sample | null>((a, b) => (a === null || endOf(b) > endOf(a) ? b : a), null);
  if (newest === null || endOf(newest) < atMs - minuteMs - 2 * newest.ms) return { samples: [], endMs: null };
  const endMs = endOf(newest);
  return { samples: own.filter((sample) => endOf(sample) > endMs - minuteMs), endMs };
}

/** Whether nothing came through a load balancer that no sample names: it could be anyone's. */
function canBeTold(minute: Minute, sinceMs: number): boolean {
  const unnamed = { ...minute, samples: minute.samples.filter(({ loadBalancer }) => loadBalancer === undefined) };
  return (connectionsOf(unnamed) ?? 0) === 0 && (requestsOf(unnamed, sinceMs) ?? 0) === 0;
}

/** A gauge: the newest of each instance and load balancer. An instance that ended counts until its minute is over. */
export function connectionsOf({ samples }: Pick<Minute, 'samples'>): number | null {
  const newest = new Map<string, Sample>();
  for (const sample of samples) {
    const key = `${sample.instance} ${sample.loadBalancer ?? ''}`;
    const known = newest.get(key);
    if (sample.connections !== undefined && (known === undefined || endOf(sample) > endOf(known)))
      newest.set(key, sample);
  }
  if (newest.size === 0) return null;
  return [...newest.values()].reduce((sum, { connections = 0 }) => sum + connections, 0);
}

function requestsOf(minute: Minute, sinceMs: number): number | null {
  const since = minute.samples.filter(({ fromMs }) => fromMs >= sinceMs);
  return since.length === 0 ? null : sumOf(since, minute, movable);
}

function directOf(minute: Minute): number | null {
  const told = minute.samples.filter(({ direct }) => direct !== undefined);
  return told.length === 0 ? null : sumOf(told, minute, ({ direct = 0 }) => direct);
}

/** Of an interval that reaches out of the minute, the part that lies within. */
function sumOf(samples: readonly Sample[], { endMs }: Minute, countOf: (sample: Sample) => number): number {
  const beginMs = (endMs ?? 0) - minuteMs;
  const within = (sample: Sample) => (endOf(sample) - Math.max(sample.fromMs, beginMs)) / sample.ms;
  return Math.round(samples.reduce((sum, sample) => sum + countOf(sample) * within(sample), 0));
}

function endOf({ fromMs, ms }: Sample): number {
  return fromMs + ms;
}
