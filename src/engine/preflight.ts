import { ownOf, weightSum } from '../domain/agreement.ts';
import { parseWeight } from '../domain/annotations.ts';
import type { Baseline, BaselineRoute } from '../domain/baseline.ts';
import { type RouteObservation, readyPods } from '../domain/observation.ts';
import { nearestPair, smallestShare } from '../domain/share.ts';
import type { Spec } from '../domain/spec.ts';
import type { ListenerReading } from '../ports/load-balancer.ts';
import type { Ports } from '../ports/ports.ts';
import { observeAll, shapesOf } from './observe.ts';
import { answer, type Outcome } from './outcome.ts';

/**
 * Reads everything the first shift relies on and refuses what cannot work, with every finding at once.
 * Writes nothing.
 */
export async function preflight(
  ports: Ports,
  spec: Spec,
  run: string,
  question: number,
  atMs: number,
): Promise<Outcome> {
  const observations = await observeAll(ports, spec.routes);
  const findings = await Promise.all([
    ...observations.map(async (observation) => [
      ...findingsOf(observation, await ports.loadBalancer.describeListeners(observation.route.loadBalancer)),
      ...unreachableSteps(observation, spec),
    ]),
    probeFindings(ports, spec, observations),
  ]);
  const reasons = findings.flat();
  if (reasons.length > 0) return answer({ type: 'preflight.refused', question, reason: reasons.join('; ') });
  const baseline: Baseline = { name: spec.name, run, takenAtMs: atMs, routes: observations.map(baselineOf) };
  return answer({ type: 'preflight.passed', question, baseline });
}

function baselineOf({ route, source, target }: RouteObservation): BaselineRoute {
  const weightsOf = (reading: RouteObservation['source']) => ({
    weight: reading.carrier?.weight ?? null,
    overrides: reading.carrier?.overrides ?? {},
  });
  return { route, source: weightsOf(source), target: weightsOf(target), sourcePods: readyPods(source) };
}

function findingsOf(observation: RouteObservation, listeners: readonly ListenerReading[]): readonly string[] {
  const { route, source, target, groups } = observation;
  const where = `${route.loadBalancer}: `;
  return [
    ...(target.carrier === null ? ['the API server of the target mesh does not answer'] : []),
    ...weightFindings(observation),
    ...(readyPods(target) === 0 ? ['the target has no ready pod'] : []),
    ...(readyPods(source) === 0 ? ['the source has no ready pod'] : []),
    ...groups.flatMap((group) => {
      const serving = ownOf(group, source).filter(({ weight, health }) => weight > 0 && health !== 'abnormal');
      return [
        ...(serving.length === 0 ? [`no healthy backend of the source has weight in ${group.group}`] : []),
        ...(weightSum(ownOf(group, target)) > 0 ? [`the target has weight in ${group.group} already`] : []),
        ...listenerFindings(group.port, group.group, listeners),
      ];
    }),
  ].map((finding) => where + finding);
}

function weightFindings({ source, target }: RouteObservation): readonly string[] {
  const targetWeights = [target.carrier?.weight ?? null, ...Object.values(target.carrier?.overrides ?? {})];
  const sourceWeight = source.carrier?.weight ?? null;
  return [
    ...(target.carrier !== null && targetWeights.some((weight) => weight !== '0')
      ? ['the weight of the target must be "0" before the start, in its overrides too']
      : []),
    ...(sourceWeight !== null && parseWeight(sourceWeight) === null
      ? [`the weight of the source is "${sourceWeight}", which is not an integer 0..100`]
      : []),
  ];
}

function listenerFindings(port: number, group: string, listeners: readonly ListenerReading[]): readonly string[] {
  const listener = listeners.find((one) => one.group === group);
  if (listener === undefined) return [`no listener uses ${group} (port ${port})`];
  return [
    ...(listener.status === 'running' ? [] : [`listener ${listener.port} is ${listener.status}`]),
    ...(listener.scheduler === 'wrr'
      ? []
      : [`listener ${listener.port} schedules by ${listener.scheduler}, which ignores weights: set it to wrr`]),
    ...(listener.isSticky
      ? [`listener ${listener.port} has session stickiness, which pins clients whatever the weights`]
      : []),
  ];
}

function unreachableSteps(observation: RouteObservation, spec: Spec): readonly string[] {
  const shapes = shapesOf(observation);
  return spec.steps.flatMap(({ share }) => {
    const planned = nearestPair(share, shapes);
    if (planned === null) return [];
    if (planned.missedBy <= spec.tolerance) return [];
    const nearest = planned.achieved.map((one) => one.toFixed(1)).join(' / ');
    const smallest = smallestShare(shapes)?.toFixed(1) ?? 'none';
    return [
      `${observation.route.loadBalancer}: ${share} per cent cannot be reached with these backends: the nearest is ${nearest}, the smallest ${smallest}`,
    ];
  });
}

async function probeFindings(
  ports: Ports,
  spec: Spec,
  observations: readonly RouteObservation[],
): Promise<readonly string[]> {
  const asked = spec.probes.flatMap((probe) =>
    (probe.side === 'both' ? (['source', 'target'] as const) : [probe.side]).map(async (side) => {
      const services = observations.flatMap((observation) => observation[side].services);
      const { isOk, detail } = await ports.probe.ask(probe, services);
      return isOk ? [] : [`probe ${probe.name} fails at the ${side}: ${detail}`];
    }),
  );
  return (await Promise.all(asked)).flat();
}
