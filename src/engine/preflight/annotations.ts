import {
  type AnnotationSuffix,
  annotationKey,
  keyInUse,
  parseVgroupPort,
  readAnnotation,
  spellings,
} from '../../domain/annotations.ts';
import type { ServiceReading } from '../../domain/observation.ts';
import { type Route, type Side, sides } from '../../domain/spec.ts';
import { bad, type Check, kindOf, type Place, pass } from './check.ts';
import { annotate, unannotate } from './commands.ts';
import { backendPort, isSame, type RouteLook, serviceName, surveyed } from './look.ts';

const serviceKind = kindOf({
  id: 'service',
  rows: ['E32'],
  asks: 'each side has its Service in each of its clusters',
  why: 'the ASM controller makes the Service of an IstioGateway; before it is there, nothing can be attached to the load balancer',
  says: ['fail'],
});
const spelling = kindOf({
  id: 'spelling',
  rows: ['E3'],
  asks: 'no annotation stands there in both spellings with different values',
  why: 'the new spelling wins even when it is empty, so a write to the other one changes nothing',
  says: ['fail'],
});
const id = kindOf({
  id: 'clb-id',
  rows: ['E2'],
  asks: 'both sides name the load balancer of the route by its id',
  why: 'without the id the weight annotation counts for nothing, and with another one it moves another load balancer',
  says: ['fail'],
});
const mapping = kindOf({
  id: 'vgroup-port',
  rows: ['E2', 'E3', 'E36'],
  asks: 'the vgroup-port of both sides names exactly the ports and groups of the route, without spaces',
  why: 'a space becomes part of a name, so that port is not synced; a port that only one side maps goes dark when the other is at weight 0',
  says: ['fail'],
});
const force = kindOf({
  id: 'force-override',
  rows: ['E10'],
  asks: 'neither side takes the listeners for its own (force-override-listeners is "false"; an IstioGateway must say it)',
  why: "a Service that does rebinds the listener to its own group and may change its scheduler: all traffic jumps. An IstioGateway's default is to do so",
  says: ['fail'],
});
const shared = kindOf({
  id: 'group-per-port',
  rows: ['E18'],
  asks: 'each port has a vServer group of its own',
  why: 'of two ports in one group the controller syncs the first and skips the second: requests would come to the wrong port',
  says: ['fail'],
});

export const annotationKinds = [serviceKind, spelling, id, mapping, force, shared];

/**
 * What both sides' Services tell the cloud controller, read as it reads it: without trimming (reference A1, A4). What is
 * wrong here takes backends out of the CLB, or sends a port into the dark, with a success event.
 */
export function annotationChecks(look: RouteLook): readonly Check[] {
  const { route, source, target } = look.observation;
  const readings = { source, target };
  return [
    ...sides.flatMap((side) => readings[side].services.flatMap((service) => serviceChecks(route, side, service))),
    ...gatewayChecks(look),
    ...groupChecks(look),
  ];
}

type Annotations = Readonly<Record<string, string>>;

interface Annotated {
  readonly route: Route;
  readonly side: Side;
  readonly service: ServiceReading;
  readonly name: string;
  readonly annotations: Annotations;
}

function serviceChecks(route: Route, side: Side, service: ServiceReading): readonly Check[] {
  const name = serviceName(service);
  const { annotations } = service;
  if (annotations === null) return [bad(serviceKind, 'fail', `${name} does not exist yet`)];
  const one = { route, side, service, name, annotations };
  return [
    pass(serviceKind, `${name} exists`),
    ...spellingChecks(one),
    idCheck(one),
    ...mappingChecks(one),
    forceCheck(one),
  ];
}

function place({ name, annotations }: Annotated, suffix: AnnotationSuffix): Place {
  return { object: name, field: keyInUse(annotations, suffix), value: readAnnotation(annotations, suffix) };
}

function spellingChecks({ route, side, service, name, annotations }: Annotated): readonly Check[] {
  const suffixes: readonly AnnotationSuffix[] = [
    'id',
    'vgroup-port',
    'weight',
    'force-override-listeners',
    'address-type',
  ];
  const double = suffixes.filter(
    (suffix) => new Set(spellings(suffix).flatMap((key) => annotations[key] ?? [])).size > 1,
  );
  if (double.length === 0) return [pass(spelling, `${name} spells its annotations in one way`)];
  return double.map((suffix) => {
    const [, legacy = ''] = spellings(suffix);
    const found = `${name}: ${suffix} is there in both spellings, with different values: remove the old one`;
    const at = { object: name, field: legacy, value: annotations[legacy] ?? null };
    return bad(spelling, 'fail', found, { at, remedy: unannotate(route, side, service, legacy) });
  });
}

function idCheck(one: Annotated): Check {
  const { route, side, service, name } = one;
  const at = place(one, 'id');
  if (at.value === route.loadBalancer) return pass(id, `${name} names ${route.loadBalancer}`, at);
  const is = at.value === null ? 'absent' : `"${at.value}"`;
  const found = `${name}: ${at.field} is ${is}, not "${route.loadBalancer}"`;
  return bad(id, 'fail', found, { at, remedy: annotate(route, side, service, at.field, route.loadBalancer) });
}

/** Every pair must be in the route and the other way round: what only one side maps goes dark at share 100 (E36). */
function mappingChecks(one: Annotated): readonly Check[] {
  const { route, side, service, name } = one;
  const at = place(one, 'vgroup-port');
  const mistakes = mappingMistakes(route, at.value ?? '');
  if (mistakes.length === 0) return [pass(mapping, `${name} maps the ports of the route`, at)];
  const right = route.ports.map(({ group, port }) => `${group}:${port}`).join(',');
  // A route that was found from the annotations has the space in its own names: there is nothing right to paste.
  const remedy = /\s/.test(right) ? null : annotate(route, side, service, at.field, right);
  return mistakes.map((mistake) => bad(mapping, 'fail', `${name}: ${mistake}`, { at, remedy }));
}

function mappingMistakes(route: Route, text: string): readonly string[] {
  if (/\s/.test(text))
    return [`vgroup-port "${text}" has a space, which the controller takes for part of a name: remove it`];
  const pairs = text === '' ? [] : parseVgroupPort(text);
  if (pairs === null) return [`vgroup-port "${text}" is not <group>:<port>,<group>:<port>`];
  const mapped = new Set(pairs.map(({ group, port }) => `${group}:${port}`));
  const wanted = new Set(route.ports.map(({ group, port }) => `${group}:${port}`));
  return [
    ...[...wanted]
      .filter((pair) => !mapped.has(pair))
      .map((pair) => `vgroup-port does not name ${pair}, which the route does`),
    ...[...mapped]
      .filter((pair) => !wanted.has(pair))
      .map((pair) => `vgroup-port names ${pair}, which the route does not`),
  ];
}

/** The IstioGateway's default is to overwrite the listeners, so its Service must say "false" (reference E10). */
function forceCheck(one: Annotated): Check {
  const { route, side, service, name } = one;
  const at = place(one, 'force-override-listeners');
  const isFine = at.value === 'false' || (side === 'source' && at.value !== 'true');
  if (isFine) return pass(force, `${name} leaves the listeners alone`, at);
  const is = at.value === null ? 'absent' : `"${at.value}"`;
  const found = `${name}: force-override-listeners is ${is}: set it to "false"`;
  return bad(force, 'fail', found, {
    at,
    remedy: annotate(route, side, service, at.field, 'false'),
  });
}

/** The same of the gateway that the Service is copied from, and of each override that has annotations of its own. */
function gatewayChecks({ observation, survey }: RouteLook): readonly Check[] {
  const { gateway } = survey.target;
  if (gateway === null) return [];
  const object = `IstioGateway ${gateway.namespace}/${gateway.name}`;
  const isToldAlready = observation.target.services.some(
    ({ annotations }) => readAnnotation(annotations ?? {}, 'force-override-listeners') !== 'false',
  );
  return Object.entries(gateway.forceOverride).flatMap(([clusterId, value]) => {
    if (value === 'false' || (clusterId === '' && isToldAlready)) return [];
    const path = clusterId === '' ? 'spec.serviceAnnotations' : `spec.overrides.${clusterId}.serviceAnnotations`;
    const is = value === null ? 'absent' : `"${value}"`;
    const found = `${object}: force-override-listeners in ${path} is ${is}: set it to "false"`;
    const at = { object, field: `${path} force-override-listeners`, value };
    const [service] = observation.target.services;
    const remedy =
      clusterId === '' && service !== undefined
        ? annotate(observation.route, 'target', service, annotationKey('force-override-listeners'), 'false')
        : null;
    return [bad(force, 'fail', found, { at, remedy })];
  });
}

/** Safe only where both ports lead to the same port of the pods, as the controller attaches one of them (reference A4). */
function groupChecks(look: RouteLook): readonly Check[] {
  const { ports } = look.observation.route;
  const double = ports.filter(({ port, group }) =>
    ports.some((one) => one.group === group && one.port !== port && !isSamePort(look, one.port, port)),
  );
  if (double.length === 0) return [pass(shared, 'no two ports need the same vServer group')];
  const groups = [...new Set(double.map(({ group }) => group))];
  return groups.map((group) => {
    const names = double.flatMap((one) => (one.group === group ? [one.port] : [])).join(' and ');
    const found = `vServer group ${group} is that of ports ${names}, which lead to different ports of the pods: give each its own`;
    return bad(shared, 'fail', found, {
      at: { object: `vServer group ${group}`, field: 'vgroup-port', value: names },
    });
  });
}

function isSamePort(look: RouteLook, one: number, other: number): boolean {
  const services = surveyed(look);
  return (
    services.length > 0 &&
    services.every(({ side, service }) => {
      const reading = look.observation[side].services.find((each) => isSame(each, service));
      const [first, second] = [one, other].map((port) => backendPort(service, reading?.mode ?? 'cluster', port));
      return first !== null && first === second;
    })
  );
}
