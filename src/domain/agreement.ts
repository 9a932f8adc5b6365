import { parseWeight } from './annotations.ts';
import { backendWeights } from './backend-weights.ts';
import {
  addressOf,
  type BackendReading,
  type GroupReading,
  isKnown,
  ownBackends,
  type RouteObservation,
  readingOf,
  type ServiceReading,
  type SideReading,
} from './observation.ts';
import { shareOf } from './share.ts';
import { type Side, sides } from './spec.ts';

/** What the weight annotations of one side are to say; null: the annotation is absent. */
export interface CarrierWeights {
  readonly weight: string | null;
  /** By cluster id, for overrides that carry serviceAnnotations of their own (reference C2). */
  readonly overrides: Readonly<Record<string, string | null>>;
}

/** What a route is to look like: a step's weights, or the baseline's. */
export interface RouteGoal {
  readonly source: CarrierWeights;
  readonly target: CarrierWeights;
}

/** One thing that is not as it should be, in words for people. */
export interface Difference {
  readonly side: Side;
  /** Where the cause lies: the annotation, a Service that does not follow, or the load balancer. */
  readonly at: 'annotation' | 'service' | 'clb';
  readonly text: string;
  /** Pods or nodes came or went and the cloud controller has not caught up: not yet a difference anybody made. */
  readonly isSettling: boolean;
}

/** Every difference between a route and its goal; none means verified (rule 2: the load balancer decides). */
export function differencesOf(observation: RouteObservation, goal: RouteGoal): readonly Difference[] {
  return sides.flatMap((side) => differencesOfSide(observation, side, goal[side]));
}

export function differencesOfSide(
  observation: RouteObservation,
  side: Side,
  goal: CarrierWeights,
): readonly Difference[] {
  const reading = readingOf(observation, side);
  return [
    ...writtenDifferences(side, reading, goal),
    ...reading.services.flatMap((service) => serviceDifference(side, service, goal)),
    ...observation.groups.flatMap((group) => groupDifferences(side, reading, goal, group)),
  ];
}

/** True when the object that carries the weight says what it should; the rest is then on its way. */
export function isWritten(reading: SideReading, goal: CarrierWeights): boolean {
  return writtenDifferences('source', reading, goal).length === 0;
}

/** The weight that the Service in one cluster is to get. */
export function weightIn(clusterId: string, goal: CarrierWeights): string | null {
  return clusterId in goal.overrides ? (goal.overrides[clusterId] ?? null) : goal.weight;
}

/** The backend weights that a side is to have in a group, for the backends that are there now. */
export function predictedWeights(
  service: ServiceReading,
  weight: string | null,
  backends: readonly BackendReading[],
): readonly number[] {
  const podsAt = new Map(service.backends.map((backend) => [backend.address, backend]));
  const known = backends.map(
    (backend) => podsAt.get(addressOf(backend, service.mode)) ?? { address: backend.serverId, pods: 1 },
  );
  return backendWeights(weight === null || weight === '' ? null : parseWeight(weight), service.mode, known);
}

/** Sums of backend weights at the CLB, as they are, and the share they give. */
export interface AchievedShare {
  readonly loadBalancer: string;
  readonly port: number;
  readonly group: string;
  readonly sourceWeight: number;
  readonly targetWeight: number;
  /** Per cent; null where no backend has weight. */
  readonly share: number | null;
}

export function achievedShares(observation: RouteObservation): readonly AchievedShare[] {
  return observation.groups.map((group) => {
    const sourceWeight = weightSum(ownOf(group, observation.source));
    const targetWeight = weightSum(ownOf(group, observation.target));
    return {
      loadBalancer: observation.route.loadBalancer,
      port: group.port,
      group: group.group,
      sourceWeight,
      targetWeight,
      share: shareOf(sourceWeight, targetWeight),
    };
  });
}

export function ownOf(group: GroupReading, reading: SideReading): readonly BackendReading[] {
  return ownBackends(group, reading).flatMap(({ backends }) => backends);
}

export function weightSum(backends: readonly BackendReading[]): number {
  return backends.reduce((sum, backend) => sum + backend.weight, 0);
}

/** What the object that carries the weight says in place of the goal, base and overrides; or that it cannot be read. */
export function writtenDifferences(side: Side, reading: SideReading, goal: CarrierWeights): readonly Difference[] {
  const { carrier } = reading;
  if (carrier === null) {
    return [{ side, at: 'annotation', text: `the ${side} weight cannot be read`, isSettling: true }];
  }
  const differing = (
    where: string,
    found: string | null,
    wanted: string | null,
    writtenBy: string | null,
  ): readonly Difference[] =>
    found === wanted
      ? []
      : [
          {
            side,
            at: 'annotation',
            text: `${side} weight${where} is ${quoted(found)}, not ${quoted(wanted)}${lastWrittenBy(writtenBy)}`,
            isSettling: false,
          },
        ];
  return [
    ...differing('', carrier.weight, goal.weight, carrier.writtenBy),
    ...Object.keys({ ...carrier.overrides, ...goal.overrides }).flatMap((clusterId) =>
      differing(
        ` for cluster ${clusterId}`,
        carrier.overrides[clusterId] ?? null,
        clusterId in goal.overrides ? (goal.overrides[clusterId] ?? null) : goal.weight,
        carrier.overridesWrittenBy[clusterId] ?? null,
      ),
    ),
  ];
}

function lastWrittenBy(manager: string | null): string {
  return manager === null ? '' : `, last written by ${manager}`;
}

function serviceDifference(side: Side, service: ServiceReading, goal: CarrierWeights): readonly Difference[] {
  const wanted = weightIn(service.clusterId, goal);
  if (service.annotations !== null && service.weight === wanted) return [];
  const found = service.annotations === null ? 'does not exist yet' : `has weight ${quoted(service.weight)}`;
  const name = `${service.cluster}/${service.namespace}/${service.name}`;
  if (!isKnown(service)) return [{ side, at: 'service', text: `Service ${name} cannot be read`, isSettling: true }];
  return [
    {
      side,
      at: 'service',
      text: `Service ${name} ${found}, not ${quoted(wanted)}${lastWrittenBy(service.writtenBy)}`,
      isSettling: true,
    },
  ];
}

function groupDifferences(
  side: Side,
  reading: SideReading,
  goal: CarrierWeights,
  group: GroupReading,
): readonly Difference[] {
  return ownBackends(group, reading).flatMap(({ service, backends }) => {
    const isSettling = !hasAllBackends(service, backends);
    const difference = (text: string): Difference => ({ side, at: 'clb', text, isSettling });
    const weight = weightIn(service.clusterId, goal);
    if (backends.length === 0) {
      return weight === '0' ? [] : [difference(`group ${group.group} has no backend of ${service.name}`)];
    }
    const predicted = predictedWeights(service, weight, backends);
    return backends.flatMap((backend, index) =>
      backend.weight === predicted[index]
        ? []
        : [
            difference(
              `backend ${backend.serverIp || backend.serverId}:${backend.port} in ${group.group} has weight ${backend.weight}, not ${predicted[index]}`,
            ),
          ],
    );
  });
}

function hasAllBackends(service: ServiceReading, backends: readonly BackendReading[]): boolean {
  const attached = new Set(backends.map((backend) => addressOf(backend, service.mode)));
  return service.backends.length === attached.size && service.backends.every(({ address }) => attached.has(address));
}

function quoted(weight: string | null): string {
  return weight === null ? 'absent' : `"${weight}"`;
}
