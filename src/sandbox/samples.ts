import type { Side } from './addresses.ts';
import { hostKey } from './mesh/called-hosts.ts';
import { hostOf } from './mesh/host-routing.ts';

export interface Counted {
  readonly requests: number;
  readonly errors: number;
}

/** What was counted from the start of everything until one moment. */
export interface Snapshot {
  readonly sides: Readonly<Record<Side, Counted>>;
  /** By load balancer, as far as requests tell where they came in. */
  readonly loadBalancers: Readonly<Record<string, Readonly<Record<Side, Counted>>>>;
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
export interface Sample extends Counted {
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
    if (names.length < 2) return [{ ...whole, ...all }];
    const told = names.map((loadBalancer) => ({
      ...whole,
      ...difference(now.loadBalancers[loadBalancer]?.[side], before.loadBalancers[loadBalancer]?.[side]),
      loadBalancer,
    }));
    const rest = difference(all, sumOf(told));
    return rest.requests === 0 ? told : [...told, { ...whole, ...rest }];
  });
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
