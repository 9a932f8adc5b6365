import { type CarrierWeights, isWritten, predictedWeights, weightIn, weightSum } from './agreement.ts';
import { type BaselineRoute, goalOf, type ServiceIdentity } from './baseline.ts';
import {
  type BackendReading,
  type GroupReading,
  ownBackends,
  type RouteObservation,
  readingOf,
  type SideReading,
} from './observation.ts';
import { type MoveOptions, refusalOf } from './shift.ts';
import { type Side, sides } from './spec.ts';

/** Backends of one group that are to get other weights, straight at the load balancer. */
export interface GlassMove {
  readonly group: string;
  readonly side: Side;
  readonly backends: readonly BackendReading[];
}

/**
 * What is to be set straight at the CLB so that it has the baseline's weights, without any controller: the source first,
 * and the target only when nothing speaks against it (rule 5). Empty where the CLB is as it should be, or must not be yet.
 */
export function glassMoves(
  observation: RouteObservation,
  baseline: BaselineRoute,
  options: MoveOptions,
): readonly GlassMove[] {
  const goal = goalOf(baseline);
  const [source, target] = sides.map((side) =>
    observation.groups.flatMap((group) => movesOf(group, side, readingOf(observation, side), goal[side])),
  );
  if (source === undefined || target === undefined) return [];
  const isLowered = source.some((move) => weightSum(move.backends) < weightBefore(observation, move));
  // A source that its baseline lowers waits for the target, or the share in between would rise (rule 1).
  if (source.length > 0 && !(isLowered && target.length > 0)) {
    // The next reconcile gives the target again what its annotation says: beside less of the source it would be more.
    const isTargetBack = isWritten(observation.target, goal.target);
    // A baseline that gives the source nothing either must not darken the group (rule 1).
    const mayLower = isTargetBack && refusalOf(observation, 'source', goal.source, options) === null;
    return isLowered && !mayLower ? [] : source;
  }
  return refusalOf(observation, 'target', goal.target, options) === null ? target : [];
}

function weightBefore({ groups }: RouteObservation, move: GlassMove): number {
  const found = groups.find(({ group }) => group === move.group)?.backends ?? [];
  const isMoved = (one: BackendReading): boolean =>
    move.backends.some(
      ({ serverId, serverIp, port }) => serverId === one.serverId && serverIp === one.serverIp && port === one.port,
    );
  return weightSum(found.filter(isMoved));
}

function movesOf(group: GroupReading, side: Side, reading: SideReading, goal: CarrierWeights): readonly GlassMove[] {
  const backends = ownBackends(group, reading).flatMap(({ service, backends: own }) => {
    const wanted = predictedWeights(service, weightIn(service.clusterId, goal), own);
    return own.flatMap((backend, index) => {
      const weight = wanted[index] ?? backend.weight;
      return backend.weight === weight ? [] : [{ ...backend, weight }];
    });
  });
  return backends.length === 0 ? [] : [{ group: group.group, side, backends }];
}

/** A route as the load balancer alone tells it: for when no API server answers. What the pods are is not known then. */
export function blindObservation(baseline: BaselineRoute, groups: readonly GroupReading[]): RouteObservation {
  const reading = (side: Side): SideReading => ({
    carrier: null,
    services: baseline.services[side].map((identity) => blindService(identity, baseline, side)),
  });
  return { route: baseline.route, source: reading('source'), target: reading('target'), groups };
}

function blindService(identity: ServiceIdentity, baseline: BaselineRoute, side: Side) {
  return {
    ...identity,
    annotations: null,
    weight: null,
    writtenBy: null,
    backends: [],
    // The capacity is not known; whether the source carries traffic is asked of the CLB's health checks.
    readyPods: side === 'source' ? baseline.sourcePods : 0,
    portNames: {},
    endpoints: [],
    warning: null,
    hash: null,
  };
}
