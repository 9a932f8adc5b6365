import { type CarrierWeights, predictedWeights, type RouteGoal, weightIn, weightSum } from './agreement.ts';
import type { Backend } from './backend-weights.ts';
import {
  type BackendReading,
  type CarrierReading,
  ownBackends,
  type RouteObservation,
  readingOf,
  type ServiceReading,
  type SideReading,
} from './observation.ts';
import { shareOf } from './share.ts';
import { cautious, nextMove } from './shift.ts';
import { type Side, sides } from './spec.ts';

/** A shift gone through on paper: by the rules that the engine shifts by, with controllers that take no time. */
export interface PaperShift {
  /** Who is written, in this order. */
  readonly writes: readonly Side[];
  /** The route after each of the writes. */
  readonly after: readonly RouteObservation[];
  /** The rule that forbids what is left, null where the goal is reached. */
  readonly blockedBy: string | null;
}

/** Two writes reach any goal; what asks for more would never end. */
const writesMax = 4;

/** Shifts a settled route to a goal, write by write. */
export function shiftOnPaper(settled: RouteObservation, goal: RouteGoal): PaperShift {
  const writes: Side[] = [];
  const after: RouteObservation[] = [];
  let now = settled;
  while (writes.length < writesMax) {
    const move = nextMove(now, goal, cautious);
    if (move.kind === 'verified') return { writes, after, blockedBy: null };
    if (move.kind !== 'write') {
      return { writes, after, blockedBy: move.kind === 'blocked' ? move.reason : move.waitingFor };
    }
    now = withWeights(now, move.side, move.weights);
    writes.push(move.side);
    after.push(now);
  }
  return { writes, after, blockedBy: `not reached with ${writesMax} writes` };
}

/**
 * The route as it is once the controllers have caught up with the annotations and every backend is healthy: what a plan
 * starts from. Backends that neither side owns are left out; the plan is of the two sides.
 */
export function settle(observation: RouteObservation): RouteObservation {
  const source = { ...observation.source, carrier: observation.source.carrier ?? unread(null) };
  const target = { ...observation.target, carrier: observation.target.carrier ?? unread('0') };
  const groups = observation.groups.map(({ port, group }) => ({
    port,
    group,
    backends: [source, target].flatMap(({ services }) => services.flatMap((service) => attached(service, port))),
  }));
  return sides.reduce<RouteObservation>(
    (route, side) => withWeights(route, side, weightsNow(side === 'source' ? source : target)),
    { ...observation, source, target, groups },
  );
}

/** Per cent of new requests at a port that the target gets; null where nothing carries weight. */
export function shareAt(observation: RouteObservation, port: number): number | null {
  return shareOf(sumOf(observation, 'source', port), sumOf(observation, 'target', port));
}

/** Backend weights of a side at a port, in the order in which its Services list their backends. */
export function weightsAt(observation: RouteObservation, side: Side, port: number): readonly number[] {
  return ownAt(observation, side, port).map(({ weight }) => weight);
}

function sumOf(observation: RouteObservation, side: Side, port: number): number {
  return weightSum(ownAt(observation, side, port));
}

function ownAt(observation: RouteObservation, side: Side, port: number): readonly BackendReading[] {
  const group = observation.groups.find((one) => one.port === port);
  return group === undefined
    ? []
    : ownBackends(group, readingOf(observation, side)).flatMap(({ backends }) => backends);
}

/** The mesh does not answer: it is planned as if its weight were what a start needs. */
function unread(weight: string | null): CarrierReading {
  return {
    resourceVersion: '',
    weight,
    weightKey: '',
    overrides: {},
    fence: null,
    writtenBy: null,
    overridesWrittenBy: {},
    mark: null,
  };
}

function weightsNow({ carrier }: SideReading): CarrierWeights {
  return { weight: carrier?.weight ?? null, overrides: carrier?.overrides ?? {} };
}

function attached(service: ServiceReading, port: number): readonly BackendReading[] {
  return service.backends.map((backend) => ({
    serverId: backend.address,
    serverIp: backend.address,
    port,
    weight: 0,
    type: isPod(service, backend) ? 'eni' : 'ecs',
    description: `k8s/${port}/${service.name}/${service.namespace}/${service.clusterId}`,
    health: 'normal',
  }));
}

function isPod({ mode }: ServiceReading, backend: Backend): boolean {
  return mode === 'eni' || backend.isEci === true;
}

function withWeights(observation: RouteObservation, side: Side, weights: CarrierWeights): RouteObservation {
  const before = readingOf(observation, side);
  const services = before.services.map((service) => ({
    ...service,
    annotations: service.annotations ?? {},
    weight: weightIn(service.clusterId, weights),
  }));
  const carrier = before.carrier === null ? null : { ...before.carrier, ...weights };
  const reading: SideReading = { carrier, services };
  const groups = observation.groups.map((group) => {
    const weighed = new Map<BackendReading, number>();
    for (const { service, backends } of ownBackends(group, reading)) {
      const spread = predictedWeights(service, service.weight, backends);
      for (const [index, backend] of backends.entries()) weighed.set(backend, spread[index] ?? 0);
    }
    const backends = group.backends.map((one) => ({ ...one, weight: weighed.get(one) ?? one.weight }));
    return { ...group, backends };
  });
  return { ...observation, [side]: reading, groups };
}
