import type { Spec } from '../../domain/spec.ts';
import { shareOfSplit, splitAt, splitToday } from '../../domain/split.ts';
import {
  podsOfSubset,
  type SubsetObservation,
  type SubsetReading,
  virtualServiceName,
} from '../../domain/subset-route.ts';
import { stepShare } from './capacity.ts';
import { bad, type Check, type CheckKind, kindOf, pass } from './check.ts';

const virtualService = kindOf({
  id: 'virtual-service',
  rows: [],
  asks: 'the VirtualService of a subset route leads to its host in a way that can be changed',
  why: 'the share is written as the weights of that route',
  says: ['fail'],
});
const defined = kindOf({
  id: 'subset-defined',
  rows: [],
  asks: 'a DestinationRule defines each subset',
  why: 'a route to a subset that nobody defines is answered with 503',
  says: ['fail'],
});
const ready = kindOf({
  id: 'subset-ready',
  rows: [],
  asks: 'each subset has a ready pod',
  why: 'without one its share of the requests fails',
  says: ['fail'],
});
const split = kindOf({
  id: 'split',
  rows: [],
  asks: 'how the host is split today can be told',
  why: 'it is the way back',
  says: ['fail'],
});

export const subsetKinds = [virtualService, defined, ready, split];

/** What the first shift of a subset route relies on. */
export function splitChecks(observation: SubsetObservation, spec: Spec): readonly Check[] {
  const { route, carrier, subsets } = observation;
  const name = `VirtualService ${virtualServiceName(route)}`;
  const today = splitToday(observation);
  return [
    check(
      virtualService,
      carrier === null ? `${name} will be made with today's split` : `${name} leads to ${route.host}`,
      carrier?.problem == null ? null : `${name}: ${carrier.problem}`,
    ),
    ...subsets.flatMap((subset) => subsetChecks(subset, route.host)),
    ...(today === null || carrier?.problem != null
      ? [check(split, '', `how ${route.host} is split today cannot be told`)]
      : [
          check(split, `today ${route.host} is split ${inWords(today)}`, null),
          ...spec.steps.map(({ share }) => stepCheck(observation, today, share, spec.tolerance)),
        ]),
  ];
}

function subsetChecks(subset: SubsetReading, host: string): readonly Check[] {
  const pods = podsOfSubset(subset);
  const name = `subset ${subset.name} of ${host}`;
  const undefinedSubset = `no DestinationRule defines ${name}: add it to spec.subsets of the rule for ${host}, with the labels of its pods`;
  const uncounted = `the ready pods of ${name} cannot be counted: a cluster gives no answer`;
  return [
    check(defined, `${name} is defined`, subset.isDefined ? null : undefinedSubset),
    ...(subset.isDefined
      ? [
          check(
            ready,
            `${name} has ${pods} ready ${pods === 1 ? 'pod' : 'pods'}`,
            pods === null ? uncounted : pods === 0 ? `${name} has no ready pod` : null,
          ),
        ]
      : []),
  ];
}

function stepCheck(
  { route }: SubsetObservation,
  today: Readonly<Record<string, number>>,
  share: number,
  tolerance: number,
): Check {
  const split = splitAt(today, route, share);
  const achieved = shareOfSplit(split, route);
  const missed = achieved === null ? Number.POSITIVE_INFINITY : Math.abs(achieved - share);
  const wrong = `${share} per cent cannot be reached with whole weights: the nearest is ${achieved?.toFixed(1) ?? 'none'}`;
  return check(stepShare, `${share} per cent is ${inWords(split)}`, missed <= tolerance ? null : wrong);
}

function check(kind: CheckKind<'fail'>, passes: string, wrong: string | null): Check {
  return wrong === null ? pass(kind, passes) : bad(kind, 'fail', wrong);
}

function inWords(split: Readonly<Record<string, number>>): string {
  return Object.entries(split)
    .map(([subset, weight]) => `${subset} ${weight}`)
    .join(', ');
}
