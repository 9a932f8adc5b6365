import { shapesOf } from '../../domain/goal.ts';
import { type RouteObservation, readyPods } from '../../domain/observation.ts';
import { nearestPair, type PortShape, smallestShare } from '../../domain/share.ts';
import { type Side, type Spec, sides } from '../../domain/spec.ts';
import type { AutoscalerSurvey, ServiceSurvey } from '../../domain/survey.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { patch, patchSpec } from './commands.ts';
import { isSame, type RouteLook, serviceName } from './look.ts';

const readyKind = (side: Side) =>
  kindOf({
    id: `${side}-ready`,
    rows: ['E32'],
    asks: `the ${side} has a ready pod`,
    why: 'without one nothing is attached, and the controller reports success all the same',
    says: ['fail'],
  });
const ready = { source: readyKind('source'), target: readyKind('target') };
const sourceCapacity = kindOf({
  id: 'source-capacity',
  rows: ['E33'],
  asks: 'nothing shrinks the source below its present size while its traffic leaves',
  why: 'a rollback floods what is left: with a floor it waits until the source has grown again, and without any there may be one pod for all of the traffic',
  says: ['fail', 'warn', 'unknown'],
});
const targetCapacity = kindOf({
  id: 'target-capacity',
  rows: ['E33'],
  asks: 'the target can grow to as many pods as the source has',
  why: 'at 100 per cent it carries what the source carries now',
  says: ['warn', 'unknown'],
});
const shareKind = kindOf({
  id: 'share',
  rows: ['E5'],
  asks: 'each step can be reached within the tolerance with the backends of now (for subsets: with whole weights)',
  why: 'the controller divides the weight by the number of backends and gives each at least 1, so that small shares on many backends do not exist',
  says: ['fail'],
});
const grown = kindOf({
  id: 'share-when-grown',
  rows: ['E6'],
  asks: 'each step can still be reached when the autoscalers of both sides are at their most',
  why: 'backends that come change the share of the same weights; the plan is made again, and a step that then cannot be reached is held',
  says: ['warn', 'unknown'],
});

export const capacityKinds = [ready.source, ready.target, sourceCapacity, targetCapacity, shareKind, grown];

/** For the steps of subsets, which are reached with route weights. */
export const stepShare = shareKind;

/** Whether either side can carry its part of the traffic, now and after it has grown or shrunk. */
export function capacityChecks(look: RouteLook): readonly Check[] {
  const { observation, spec, survey } = look;
  return [
    ...sides.map((side) => readyCheck(side, readyPods(observation[side]))),
    ...survey.source.services.map((service) => sourceCheck(look, service)),
    targetCheck(look),
    ...stepChecks(observation, spec),
    grownCheck(look),
  ];
}

function readyCheck(side: Side, pods: number): Check {
  const words = `the ${side} has ${pods} ready ${pods === 1 ? 'pod' : 'pods'}`;
  const at = { object: `the ${side}`, field: 'ready pods', value: `${pods}` };
  return pods === 0 ? bad(ready[side], 'fail', `the ${side} has no ready pod`, { at }) : pass(ready[side], words, at);
}

/** With a floor above one a rollback waits for the rest to grow; without one nothing holds the source at all (rule 5). */
function sourceCheck(look: RouteLook, service: ServiceSurvey): Check {
  const name = serviceName(service);
  const { autoscalers } = service;
  if ('missing' in autoscalers) {
    return bad(sourceCapacity, 'unknown', `what may shrink ${name} cannot be told: ${autoscalers.missing}`);
  }
  const pods = podsBehind(look, 'source', service);
  const shrinking = autoscalers.value.filter(({ neverShrinks, minReplicas }) => !neverShrinks && minReplicas < pods);
  const [first] = shrinking.sort((a, b) => a.minReplicas - b.minReplicas);
  if (first === undefined) return pass(sourceCapacity, `nothing shrinks ${name} below its ${pods} ready pods`);
  const isHeld = first.minReplicas > 1;
  const object = `HorizontalPodAutoscaler ${service.namespace}/${first.name}`;
  const found = isHeld
    ? `${object} may shrink the source to ${first.minReplicas} of its ${pods} ready pods while its traffic leaves`
    : `${object} may shrink the source to one of its ${pods} ready pods while its traffic leaves: set minReplicas`;
  return bad(sourceCapacity, isHeld ? 'warn' : 'fail', found, {
    at: { object, field: 'spec.minReplicas', value: `${first.minReplicas}` },
    remedy: patch('hpa', { namespace: service.namespace, name: first.name }, { spec: { minReplicas: pods } }),
  });
}

function podsBehind({ observation }: RouteLook, side: Side, service: ServiceSurvey): number {
  return observation[side].services.find((one) => isSame(one, service))?.readyPods ?? 0;
}

/** Clusters together: what a target in two clusters can have in all. */
function targetCheck(look: RouteLook): Check {
  const { observation, survey } = look;
  const wanted = readyPods(observation.source);
  let most = 0;
  for (const service of survey.target.services) {
    const { autoscalers } = service;
    if ('missing' in autoscalers) {
      const found = `how far ${serviceName(service)} can grow cannot be told: ${autoscalers.missing}`;
      return bad(targetCapacity, 'unknown', found);
    }
    most += Math.max(podsBehind(look, 'target', service), maxOf(autoscalers.value));
  }
  // Without a Service of the target its own check has failed already.
  if (most >= wanted || survey.target.services.length === 0) {
    return pass(targetCapacity, `the target can have ${most} pods, the source has ${wanted}`);
  }
  const found = `the target can have ${most} ${most === 1 ? 'pod' : 'pods'}, and the source carries the traffic with ${wanted}`;
  const [service] = observation.target.services;
  const isGateway = observation.route.target.kind === 'gateway';
  return bad(targetCapacity, 'warn', found, {
    at: { object: 'the target', field: 'maxReplicas', value: `${most}` },
    remedy:
      isGateway && service !== undefined
        ? patchSpec(observation.route, 'target', service, { maxReplicas: wanted })
        : null,
  });
}

function maxOf(autoscalers: readonly AutoscalerSurvey[]): number {
  return autoscalers.reduce((max, { maxReplicas }) => Math.max(max, maxReplicas), 0);
}

function stepChecks(observation: RouteObservation, spec: Spec): readonly Check[] {
  const shapes = shapesOf(observation);
  return spec.steps.flatMap(({ share }) => {
    const planned = nearestPair(share, shapes);
    // A side without backends is found by its own check.
    if (planned === null) return [];
    const nearest = planned.achieved.map((one) => one.toFixed(1)).join(' / ');
    const smallest = smallestShare(shapes)?.toFixed(1) ?? 'none';
    const at = { object: 'the migration', field: 'spec.steps[].share', value: `${share}` };
    if (planned.missedBy <= spec.tolerance) return [pass(shareKind, `${share} per cent gives ${nearest}`, at)];
    const found = `${share} per cent cannot be reached with these backends: the nearest is ${nearest}, the smallest ${smallest}`;
    return [bad(shareKind, 'fail', found, { at })];
  });
}

function grownCheck(look: RouteLook): Check {
  const { observation, spec, survey } = look;
  const missing = sides.flatMap((side) =>
    survey[side].services.flatMap(({ autoscalers }) => ('missing' in autoscalers ? [autoscalers.missing] : [])),
  );
  const [first] = missing;
  if (first !== undefined) return bad(grown, 'unknown', `how far the sides may grow cannot be told: ${first}`);
  const shape: PortShape = { source: grownSets(look, 'source'), target: grownSets(look, 'target') };
  // What is out of reach now already is found by its own check.
  const now = shapesOf(observation);
  const lost = spec.steps.flatMap(({ share }) => {
    const isReached = (shapes: readonly PortShape[]) =>
      (nearestPair(share, shapes)?.missedBy ?? Number.POSITIVE_INFINITY) <= spec.tolerance;
    return !isReached([shape]) && isReached(now) ? [share] : [];
  });
  if (lost.length === 0) return pass(grown, 'the steps can be reached when both sides have grown');
  const found = `with as many backends as the autoscalers allow, ${lost.map((one) => `${one} per cent`).join(' and ')} cannot be reached`;
  return bad(grown, 'warn', found, {
    at: { object: 'the migration', field: 'spec.steps[].share', value: lost.join(', ') },
  });
}

/** Only where each pod is a backend does an autoscaler change the number of backends for certain. */
function grownSets({ observation, survey }: RouteLook, side: Side): PortShape[Side] {
  return observation[side].services.map((reading) => {
    const found = survey[side].services.find((one) => isSame(one, reading));
    const most = found === undefined || 'missing' in found.autoscalers ? 0 : maxOf(found.autoscalers.value);
    if (reading.mode !== 'eni' || most <= reading.backends.length) return reading;
    return { mode: 'eni', backends: Array.from({ length: most }, (_, index) => ({ address: `${index}`, pods: 1 })) };
  });
}
