import { ownOf, weightSum } from '../domain/agreement.ts';
import { parseWeight } from '../domain/annotations.ts';
import { shapesOf } from '../domain/goal.ts';
import { type GroupReading, type RouteObservation, readyPods } from '../domain/observation.ts';
import { nearestPair, smallestShare } from '../domain/share.ts';
import type { Side, Spec } from '../domain/spec.ts';
import { type SubsetObservation, subsetsOf } from '../domain/subset-route.ts';
import type { ListenerReading } from '../ports/load-balancer.ts';
import type { Ports } from '../ports/ports.ts';
import { annotationChecks } from './annotation-checks.ts';
import { type Check, check } from './check.ts';
import { observeAll } from './observe.ts';
import { alertChecks } from './read-alerts.ts';
import { signalChecks } from './read-signals.ts';
import { routeOrderChecks } from './route-order-checks.ts';
import { splitChecks } from './split-checks.ts';
import { observeSplits } from './splits.ts';

export interface Checked {
  readonly observations: readonly RouteObservation[];
  readonly splits: readonly SubsetObservation[];
  readonly checks: readonly Check[];
}

/** Reads everything the first shift relies on: what the machine's preflight and a dry run both go by. Writes nothing. */
export async function checkAll(ports: Ports, spec: Spec): Promise<Checked> {
  const [observations, splits] = await Promise.all([
    observeAll(ports, spec.routes),
    observeSplits(ports, spec.subsets),
  ]);
  const checks = await Promise.all([
    ...observations.map(async (observation) => {
      const { loadBalancer } = observation.route;
      const [listeners, reading] = await Promise.all([
        ports.loadBalancer.describeListeners(loadBalancer),
        ports.loadBalancer.describe(loadBalancer),
      ]);
      const checks = [
        ...routeChecks(observation, listeners),
        ...annotationChecks(observation, reading),
        ...stepChecks(observation, spec),
      ];
      return checks.map((check) => ({
        ...check,
        found: `${loadBalancer}: ${check.found}`,
      }));
    }),
    probeChecks(ports, spec, observations, splits),
    splits.flatMap((observation) => splitChecks(observation, spec)),
    routeOrderChecks(ports, spec),
    signalChecks(ports, spec),
    alertChecks(ports, spec),
  ]);
  return { observations, splits, checks: checks.flat() };
}

function routeChecks(observation: RouteObservation, listeners: readonly ListenerReading[]): readonly Check[] {
  const { source, target, groups } = observation;
  const isAnswering = target.carrier !== null;
  return [
    check(
      'mesh-answers',
      'the API server of the target answers',
      isAnswering ? null : 'the API server of the target mesh does not answer',
    ),
    ...weightChecks(observation),
    readyCheck('target', readyPods(target)),
    readyCheck('source', readyPods(source)),
    ...groups.flatMap((group) => [
      ...groupChecks(observation, group),
      ...listenerChecks(group.port, group.group, listeners),
    ]),
  ];
}

function weightChecks({ source, target }: RouteObservation): readonly Check[] {
  const targetWeights = [target.carrier?.weight ?? null, ...Object.values(target.carrier?.overrides ?? {})];
  const isRaised = target.carrier !== null && targetWeights.some((weight) => weight !== '0');
  const sourceWeight = source.carrier?.weight ?? null;
  const isWeight = sourceWeight === null || parseWeight(sourceWeight) !== null;
  return [
    check(
      'target-weight',
      'the weight of the target gives it no traffic',
      isRaised ? 'the weight of the target must be "0" before the start, in its overrides too' : null,
    ),
    check(
      'source-weight',
      sourceWeight === null ? 'the source has no weight annotation' : `the weight of the source is "${sourceWeight}"`,
      isWeight ? null : `the weight of the source is "${sourceWeight}", which is not an integer 0..100`,
    ),
  ];
}

function readyCheck(side: Side, pods: number): Check {
  return check(
    `${side}-ready`,
    `the ${side} has ${pods} ready ${pods === 1 ? 'pod' : 'pods'}`,
    pods === 0 ? `the ${side} has no ready pod` : null,
  );
}

function groupChecks({ source, target }: RouteObservation, group: GroupReading): readonly Check[] {
  const serving = ownOf(group, source).filter(({ weight, health }) => weight > 0 && health !== 'abnormal');
  const targetWeight = weightSum(ownOf(group, target));
  return [
    check(
      'source-serves',
      `${serving.length} backends of the source have weight in ${group.group}`,
      serving.length === 0 ? `no healthy backend of the source has weight in ${group.group}` : null,
    ),
    check(
      'target-idle',
      `the target has no weight in ${group.group}`,
      targetWeight > 0 ? `the target has weight in ${group.group} already` : null,
    ),
  ];
}

function listenerChecks(port: number, group: string, listeners: readonly ListenerReading[]): readonly Check[] {
  const listener = listeners.find((one) => one.group === group);
  if (listener === undefined) return [check('listener', '', `no listener uses ${group} (port ${port})`)];
  const name = `listener ${listener.port}`;
  return [
    check('listener', `${name} uses ${group}`, listener.status === 'running' ? null : `${name} is ${listener.status}`),
    check(
      'scheduler',
      `${name} schedules by weight`,
      listener.scheduler === 'wrr'
        ? null
        : `${name} schedules by ${listener.scheduler}, which ignores weights: set it to wrr`,
    ),
    check(
      'stickiness',
      `${name} has no session stickiness`,
      listener.isSticky ? `${name} has session stickiness, which pins clients whatever the weights: turn it off` : null,
    ),
  ];
}

function stepChecks(observation: RouteObservation, spec: Spec): readonly Check[] {
  const shapes = shapesOf(observation);
  return spec.steps.flatMap(({ share }) => {
    const planned = nearestPair(share, shapes);
    // A side without backends is found by its own check.
    if (planned === null) return [];
    const nearest = planned.achieved.map((one) => one.toFixed(1)).join(' / ');
    const smallest = smallestShare(shapes)?.toFixed(1) ?? 'none';
    const wrong = `${share} per cent cannot be reached with these backends: the nearest is ${nearest}, the smallest ${smallest}`;
    return [check('share', `${share} per cent gives ${nearest}`, planned.missedBy <= spec.tolerance ? null : wrong)];
  });
}

async function probeChecks(
  ports: Ports,
  spec: Spec,
  observations: readonly RouteObservation[],
  splits: readonly SubsetObservation[],
): Promise<readonly Check[]> {
  const asked = spec.probes.flatMap((probe) =>
    (probe.side === 'both' ? (['source', 'target'] as const) : [probe.side]).map(async (side) => {
      const services = [
        ...observations.flatMap((observation) => observation[side].services),
        ...splits.flatMap((one) => subsetsOf(one, side).flatMap((subset) => subset.services ?? [])),
      ];
      const { isOk, detail } = await ports.probe.ask(probe, services);
      const passes = `probe ${probe.name} is answered by the ${side}: ${detail}`;
      return check('probe', passes, isOk ? null : `probe ${probe.name} fails at the ${side}: ${detail}`);
    }),
  );
  return Promise.all(asked);
}
