import type { RouteObservation } from '../../domain/observation.ts';
import type { Spec } from '../../domain/spec.ts';
import { type SubsetObservation, subsetsOf } from '../../domain/subset-route.ts';
import type { Ports } from '../../ports/ports.ts';
import { readSources } from '../read-signals.ts';
import { annotationChecks } from './annotations.ts';
import { backendChecks } from './backends.ts';
import { addressChecks, directChecks, healthRequestChecks, probeCheck } from './callers.ts';
import { capacityChecks } from './capacity.ts';
import type { Check } from './check.ts';
import { clusterChecks, subsetClusterChecks } from './clusters.ts';
import { listenerChecks } from './listeners.ts';
import { loadBalancerChecks } from './load-balancer.ts';
import type { RouteLook } from './look.ts';
import { parityChecks, unaskedChecks } from './parity.ts';
import { type Part, type RouteSeen, seeRoutes, seeSplits } from './readable.ts';
import { rolloutChecks } from './rollout.ts';
import { routeOrderChecks } from './route-order.ts';
import { serviceChecks } from './services.ts';
import { alertChecks, controlTrafficChecks, signalChecks } from './signals.ts';
import { splitChecks } from './subsets.ts';

export interface Checked {
  /** Of the routes that could be read as a whole. */
  readonly observations: readonly RouteObservation[];
  readonly splits: readonly SubsetObservation[];
  readonly checks: readonly Check[];
}

/** Samples older than this say nothing of now. */
const samplesWithinMs = 300_000;

/**
 * Reads everything the first shift relies on: what the machine's preflight and a dry run both go by. Writes nothing, and
 * asks the CLB once for its listeners, once for its groups and once for each group, however many routes share it.
 */
export async function checkAll(ports: Ports, spec: Spec): Promise<Checked> {
  const [seen, seenSplits, counted] = await Promise.all([
    seeRoutes(ports, spec),
    seeSplits(ports, spec),
    ports.store.now().then((atMs) => readSources(ports, spec, atMs - samplesWithinMs)),
  ]);
  const observations = seen.flatMap(({ look }) => (look === null ? [] : [look.observation]));
  const splits = seenSplits.flatMap(({ split }) => split ?? []);
  const areAllRead = observations.length === seen.length && splits.length === seenSplits.length;
  const checks = await Promise.all([
    ...seen.map((one) => routeChecks(ports, one)),
    ...probeChecks(ports, spec, observations, splits, areAllRead),
    unaskedChecks(spec),
    subsetClusterChecks(splits),
    seenSplits.flatMap(({ split, check }) => (split === null ? [check] : splitChecks(split, spec))),
    routeOrderChecks(ports, spec),
    directChecks(spec, counted),
    signalChecks(ports, spec),
    alertChecks(ports, spec),
    controlTrafficChecks(spec),
  ]);
  const whole = seen.flatMap(({ look, unread }) => (look === null || unread.has('groups') ? [] : [look.observation]));
  return { observations: whole, splits, checks: checks.flat() };
}

/** Each group of checks with what it goes by, beside the two sides themselves. */
const subjectsOf: readonly {
  readonly needs: readonly Part[];
  readonly checks: (look: RouteLook, ports: Ports) => readonly Check[] | Promise<readonly Check[]>;
}[] = [
  { needs: ['groups'], checks: backendChecks },
  { needs: ['groups'], checks: capacityChecks },
  { needs: ['listeners'], checks: listenerChecks },
  { needs: ['loadBalancer'], checks: loadBalancerChecks },
  { needs: [], checks: annotationChecks },
  { needs: ['groups'], checks: serviceChecks },
  { needs: [], checks: (look, ports) => clusterChecks(ports, look) },
  { needs: [], checks: rolloutChecks },
  { needs: [], checks: addressChecks },
  { needs: ['listeners'], checks: (look, ports) => healthRequestChecks(ports, look) },
  { needs: ['listeners'], checks: (look, ports) => parityChecks(ports, look) },
];

async function routeChecks(ports: Ports, { look, unread, checks, loadBalancer }: RouteSeen): Promise<readonly Check[]> {
  const able = look === null ? [] : subjectsOf.filter(({ needs }) => !needs.some((part) => unread.has(part)));
  const made = await Promise.all(able.map((one) => one.checks(look as RouteLook, ports)));
  return [...checks, ...made.flat()].map((check) => ({ ...check, found: `${loadBalancer}: ${check.found}` }));
}

function probeChecks(
  ports: Ports,
  spec: Spec,
  observations: readonly RouteObservation[],
  splits: readonly SubsetObservation[],
  areAllRead: boolean,
): readonly Promise<readonly Check[]>[] {
  return spec.probes.flatMap((probe) =>
    (probe.side === 'both' ? (['source', 'target'] as const) : [probe.side]).map(async (side) => {
      const services = [
        ...observations.flatMap((observation) => observation[side].services),
        ...splits.flatMap((one) => subsetsOf(one, side).flatMap((subset) => subset.services ?? [])),
      ];
      // A side of which nothing could be read is told of already.
      if (services.length === 0 && !areAllRead) return [];
      return [await probeCheck(ports, probe, side, services)];
    }),
  );
}
