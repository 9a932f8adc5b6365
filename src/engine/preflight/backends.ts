import { ownOf, weightSum } from '../../domain/agreement.ts';
import { parseWeight } from '../../domain/annotations.ts';
import { type GroupReading, ownBackends, type RouteObservation } from '../../domain/observation.ts';
import { type Side, sides } from '../../domain/spec.ts';
import { bad, type Check, kindOf, pass } from './check.ts';
import { annotate } from './commands.ts';
import { backendPort, isSame, type RouteLook, serviceName } from './look.ts';

const meshAnswers = kindOf({
  id: 'mesh-answers',
  rows: [],
  asks: "the API server of the target's mesh answers",
  why: 'the weight of an IstioGateway is written there',
  says: ['fail'],
});
const targetWeight = kindOf({
  id: 'target-weight',
  rows: ['E2', 'E4'],
  asks: 'the weight of the target is "0", in its overrides too',
  why: 'the way back is what stands there now: it must give the target no traffic',
  says: ['fail'],
});
const sourceWeight = kindOf({
  id: 'source-weight',
  rows: ['E2', 'E4'],
  asks: 'the weight of the source is an integer 1..100, and it is there',
  why: 'any other text takes the backends out of the load balancer with a success event (since 2.12); without one the controller counts pods, so that a target of weight 10 may get most of the traffic; with 0 the way back would leave nothing with weight',
  says: ['fail', 'warn'],
});
const sourceServes = kindOf({
  id: 'source-serves',
  rows: ['E25'],
  asks: 'in each group a healthy backend of the source has weight',
  why: 'else nobody would be served while the target has no weight',
  says: ['fail'],
});
const targetIdle = kindOf({
  id: 'target-idle',
  rows: ['E25'],
  asks: 'in each group the target has no weight at the load balancer',
  why: 'it must not serve before the first step',
  says: ['fail'],
});
const attached = kindOf({
  id: 'attached',
  rows: ['E17', 'E21', 'E32'],
  asks: 'the backends of both sides are attached to each group under the name of their Service',
  why: 'what is not attached gets no share, whatever its weight; an edited or cut description makes the controller take its own backends for a stranger’s, and never weigh them again',
  says: ['fail', 'warn'],
});
const description = kindOf({
  id: 'backend-description',
  rows: ['E17'],
  asks: 'the name that the controller writes at each backend (k8s/port/service/namespace/cluster) has at most 80 characters',
  why: 'the load balancer takes no more; by this name the controller knows which backends are its own',
  says: ['fail', 'warn'],
});

export const backendKinds = [meshAnswers, targetWeight, sourceWeight, sourceServes, targetIdle, attached, description];

const descriptionMax = 80;

/** Weights as they are written, and what the load balancer holds of both sides. */
export function backendChecks(look: RouteLook): readonly Check[] {
  const { observation } = look;
  return [
    meshCheck(observation),
    targetWeightCheck(observation),
    sourceWeightCheck(observation),
    ...observation.groups.flatMap((group) => [
      servingCheck(observation, group),
      idleCheck(observation, group),
      ...sides.flatMap((side) => attachedChecks(observation, side, group)),
    ]),
    ...sides.flatMap((side) => descriptionChecks(look, side)),
  ];
}

function meshCheck({ target }: RouteObservation): Check {
  if (target.carrier !== null) return pass(meshAnswers, 'the API server of the target answers');
  return bad(meshAnswers, 'fail', 'the API server of the target mesh does not answer');
}

function targetWeightCheck({ route, target }: RouteObservation): Check {
  const passes = 'the weight of the target gives it no traffic';
  if (target.carrier === null) return pass(targetWeight, passes);
  const { weight, weightKey, overrides } = target.carrier;
  const wrong = [weight, ...Object.values(overrides)].find((one) => one !== '0');
  if (wrong === undefined) return pass(targetWeight, passes);
  const [service] = target.services;
  const isBase = weight !== '0';
  return bad(targetWeight, 'fail', 'the weight of the target must be "0" before the start, in its overrides too', {
    at: { object: 'the target', field: weightKey, value: wrong },
    remedy: isBase && service !== undefined ? annotate(route, 'target', service, weightKey, '0') : null,
  });
}

function sourceWeightCheck({ route, source }: RouteObservation): Check {
  const { weight = null, weightKey = '' } = source.carrier ?? {};
  const at = { object: 'the source', field: weightKey, value: weight };
  const [service] = source.services;
  const remedy = service === undefined ? null : annotate(route, 'source', service, weightKey, '100');
  if (weight === null) {
    const found = 'the source has no weight annotation: the controller counts its pods instead, until the first step';
    return bad(sourceWeight, 'warn', found, { at, remedy });
  }
  if (weight === '0') {
    // The load balancer may still have the weights of a moment ago: what counts is what a rollback would write.
    const found = 'the weight of the source is "0": the way back would leave nothing with weight';
    return bad(sourceWeight, 'fail', found, { at, remedy });
  }
  if (parseWeight(weight) !== null) return pass(sourceWeight, `the weight of the source is "${weight}"`, at);
  const found = `the weight of the source is "${weight}", which is not an integer 1..100`;
  return bad(sourceWeight, 'fail', found, { at, remedy });
}

function servingCheck({ source }: RouteObservation, group: GroupReading): Check {
  const serving = ownOf(group, source).filter(({ weight, health }) => weight > 0 && health !== 'abnormal');
  if (serving.length > 0) {
    return pass(sourceServes, `${serving.length} backends of the source have weight in ${group.group}`);
  }
  return bad(sourceServes, 'fail', `no healthy backend of the source has weight in ${group.group}`);
}

function idleCheck({ target }: RouteObservation, group: GroupReading): Check {
  const weight = weightSum(ownOf(group, target));
  const at = { object: `vServer group ${group.group}`, field: 'Weight', value: `${weight}` };
  if (weight === 0) return pass(targetIdle, `the target has no weight in ${group.group}`, at);
  return bad(targetIdle, 'fail', `the target has weight in ${group.group} already`, { at });
}

function attachedChecks(observation: RouteObservation, side: Side, group: GroupReading): readonly Check[] {
  return ownBackends(group, observation[side]).map(({ service, backends }) => {
    const wanted = service.backends.length;
    const object = `vServer group ${group.group}`;
    const at = { object, field: 'BackendServers', value: `${backends.length}` };
    const name = serviceName(service);
    if (backends.length === wanted) return pass(attached, `${object} has the ${wanted} backends of ${name}`, at);
    const found = `${object} has ${backends.length} of the ${wanted} backends of ${name}`;
    // Pods that come or go are some seconds ahead of the load balancer.
    return backends.length === 0
      ? bad(attached, 'fail', `${found}: look at the events of the Service`, { at })
      : bad(attached, 'warn', found, { at });
  });
}

function descriptionChecks(look: RouteLook, side: Side): readonly Check[] {
  const { observation, survey } = look;
  return survey[side].services.map((service) => {
    const name = serviceName(service);
    const reading = observation[side].services.find((one) => isSame(one, service));
    const ports = observation.route.ports.map(({ port }) => backendPort(service, reading?.mode ?? 'cluster', port));
    // A named port is known to the pods alone; no port is longer than this.
    const longest = Math.max(...ports.map((port) => (port === null ? 5 : `${port}`.length)));
    const length = ['k8s', 'x'.repeat(longest), service.name, service.namespace, service.clusterId].join('/').length;
    const at = { object: name, field: 'Description of its backends', value: `${length} characters` };
    if (length <= descriptionMax)
      return pass(description, `${name} is named at its backends in ${length} characters`, at);
    const isKept = observation.groups.every((group) =>
      ownBackends(group, observation[side]).some((own) => isSame(own.service, service) && own.backends.length > 0),
    );
    const found = `${name} is named at its backends in ${length} characters, more than ${descriptionMax}`;
    if (isKept) return bad(description, 'warn', `${found}; the load balancer has kept them until now`, { at });
    return bad(description, 'fail', `${found}: give the gateway a shorter name`, { at });
  });
}
