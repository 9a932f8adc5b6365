import type { Side } from './addresses.ts';
import { hostKey } from './mesh/called-hosts.ts';
import { hostOf } from './mesh/host-routing.ts';

export interface Counted {
  readonly requests: number;
  readonly errors: number;
}

/** With the ways that it came, where that is counted. */
export interface CountedWays extends Counted {
  /** Of the requests, those that came through no load balancer. */
  readonly direct?: number;
  /** Connections through load balancers that are open at this moment. */
  readonly connections?: number;
}

/** What was counted from the start of everything until one moment. */
export interface Snapshot {
  readonly sides: Readonly<Record<Side, CountedWays>>;
  /** By load balancer, as far as requests tell where they came in. */
  readonly loadBalancers: Readonly<Record<string, Readonly<Record<Side, CountedWays>>>>;
  /** Calls inside the mesh: host, as `default/reviews`, -> subset. */
  readonly subsets: Readonly<Record<string, Readonly<Record<string, Counted>>>>;
}

/** What was counted between two moments; epoch seconds of sandbox time. */
export interface Interval {
  readonly fromS: number;
  readonly toS: number;
  readonly before: Snapshot;
  readonly now: Snapshot;
}

/** Subsets that a migration moves, as its spec has them. */
export interface MovedSubsets {
  readonly virtualService: { readonly namespace: string };
  readonly host: string;
  readonly from: readonly string[];
  readonly to: string;
}

/** One interval of one side as the API takes it. */
export interface Sample extends CountedWays {
  readonly side: Side;
  readonly instance: string;
  readonly from: number;
  readonly seconds: number;
  readonly loadBalancer?: string;
}

const sides = ['source', 'target'] as const;

/**
 * An interval for a migration that moves traffic between gateways: one sample a side, or one a side and load balancer
 * where there are several, and one more for what told no load balancer.
 *
 * @param instances the names of the gateways
 */
export function gatewaySamples(interval: Interval, instances: Readonly<Record<Side, string>>): readonly Sample[] {
  const { before, now } = interval;
  const names = Object.keys(now.loadBalancers);
  return sides.flatMap((side) => {
    const whole = { ...timesOf(interval), side, instance: instances[side] };
    const all = difference(now.sides[side], before.sides[side]);
    const ways = waysOf(interval, side);
    if (names.length < 2) return [{ ...whole, ...all, ...ways }];
    const told = names.map((loadBalancer) => ({
      ...whole,
      ...difference(now.loadBalancers[loadBalancer]?.[side], before.loadBalancers[loadBalancer]?.[side]),
      ...openOf(now.loadBalancers[loadBalancer]?.[side]),
      loadBalancer,
    }));
    const rest: Sample = { ...whole, ...difference(all, sumOf(told)), ...ways, ...unnamedOf(now, side) };
    // Nothing by no load balancer is worth saying only where the ways are told.
    return rest.requests === 0 && rest.direct === undefined ? told : [...told, rest];
  });
}

function waysOf({ before, now }: Interval, side: Side): Pick<CountedWays, 'direct' | 'connections'> {
  const { direct } = now.sides[side];
  const grown = direct === undefined ? {} : { direct: Math.max(0, direct - (before.sides[side].direct ?? 0)) };
  return { ...grown, ...openOf(now.sides[side]) };
}

function openOf({ connections }: CountedWays = nothing): Pick<CountedWays, 'connections'> {
  return connections === undefined ? {} : { connections };
}

/** Open connections that named no load balancer. */
function unnamedOf({ sides: all, loadBalancers }: Snapshot, side: Side): Pick<CountedWays, 'connections'> {
  const named = Object.values(loadBalancers).reduce((sum, one) => sum + (one[side].connections ?? 0), 0);
  const { connections } = all[side];
  return connections === undefined ? {} : { connections: Math.max(0, connections - named) };
}

/** An interval for a migration that moves subsets: those it moves from are the source, the one it moves to the target. */
export function subsetSamples(interval: Interval, moved: readonly MovedSubsets[]): readonly Sample[] {
  const { before, now } = interval;
  return moved.flatMap(({ virtualService, host, from, to }) => {
    const key = hostKey(hostOf(host, virtualService.namespace));
    const of = (subset: string): Counted => difference(now.subsets[key]?.[subset], before.subsets[key]?.[subset]);
    const sample = (side: Side, subsets: readonly string[]): Sample => ({
      ...timesOf(interval),
      side,
      // A name that the API takes: at most 128 characters, none of them a space.
      instance: `${key}/${subsets.join('+')}`.slice(0, 128),
      ...sumOf(subsets.map(of)),
    });
    return [sample('source', from), sample('target', [to])];
  });
}

function timesOf({ fromS, toS }: Interval): Pick<Sample, 'from' | 'seconds'> {
  return { from: fromS, seconds: toS - fromS };
}

const nothing: Counted = { requests: 0, errors: 0 };

/** Never below zero: what was started again counts from zero. */
function difference(now: Counted = nothing, before: Counted = nothing): Counted {
  return {
    requests: Math.max(0, now.requests - before.requests),
    errors: Math.max(0, now.errors - before.errors),
  };
}

function sumOf(parts: readonly Counted[]): Counted {
  return parts.reduce(
    (sum, { requests, errors }) => ({ requests: sum.requests + requests, errors: sum.errors + errors }),
    nothing,
  );
}
