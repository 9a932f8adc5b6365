import { type AnnotationSuffix, keyInUse, parseVgroupPort, readAnnotation, spellings } from '../domain/annotations.ts';
import type { RouteObservation, ServiceReading } from '../domain/observation.ts';
import { type Route, type Side, sides } from '../domain/spec.ts';
import type { LoadBalancerReading } from '../ports/load-balancer.ts';
import type { Check } from './check.ts';

/**
 * What both sides' Services tell the cloud controller, read as it reads it: without trimming (reference A1, A4). What is
 * wrong here takes backends out of the CLB, or sends a port into the dark, with a success event.
 */
export function annotationChecks(
  { route, source, target }: RouteObservation,
  loadBalancer: LoadBalancerReading | null,
): readonly Check[] {
  const readings = { source, target };
  return [
    ...sides.flatMap((side) => readings[side].services.flatMap((service) => serviceChecks(route, side, service))),
    ...route.ports.map(({ group }) => groupCheck(route, group, loadBalancer)),
  ];
}

function serviceChecks(route: Route, side: Side, service: ServiceReading): readonly Check[] {
  const name = `Service ${service.cluster}/${service.namespace}/${service.name}`;
  if (service.annotations === null) return [fail(`${side}-service`, `${name} does not exist yet`)];
  const mistakes = [
    ...spellingMistakes(service.annotations),
    ...loadBalancerMistakes(route, service.annotations),
    ...mappingMistakes(route, service.annotations),
    ...overrideMistakes(side, service.annotations),
  ];
  if (mistakes.length === 0) return [{ id: `${side}-annotations`, status: 'pass', found: `${name} fits the route` }];
  return mistakes.map((mistake) => fail(`${side}-annotations`, `${name}: ${mistake}`));
}

type Annotations = Readonly<Record<string, string>>;

function spellingMistakes(annotations: Annotations): readonly string[] {
  const suffixes: readonly AnnotationSuffix[] = ['id', 'vgroup-port', 'weight', 'force-override-listeners'];
  return suffixes.flatMap((suffix) => {
    const values = spellings(suffix).flatMap((key) => annotations[key] ?? []);
    return new Set(values).size < 2
      ? []
      : [`${suffix} is there in both spellings, with different values: remove the old one`];
  });
}

function loadBalancerMistakes(route: Route, annotations: Annotations): readonly string[] {
  const id = readAnnotation(annotations, 'id');
  if (id === route.loadBalancer) return [];
  return [`${keyInUse(annotations, 'id')} is ${id === null ? 'absent' : `"${id}"`}, not "${route.loadBalancer}"`];
}

/** Every pair must be in the route and the other way round: what only one side maps goes dark at share 100 (E36). */
function mappingMistakes(route: Route, annotations: Annotations): readonly string[] {
  const text = readAnnotation(annotations, 'vgroup-port') ?? '';
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
function overrideMistakes(side: Side, annotations: Annotations): readonly string[] {
  const value = readAnnotation(annotations, 'force-override-listeners');
  const isFine = value === 'false' || (side === 'source' && value !== 'true');
  return isFine ? [] : [`force-override-listeners is ${value === null ? 'absent' : `"${value}"`}: set it to "false"`];
}

function groupCheck(route: Route, group: string, loadBalancer: LoadBalancerReading | null): Check {
  if (loadBalancer === null) return fail('group', `${route.loadBalancer} does not exist`);
  const name = loadBalancer.groups[group];
  if (name === undefined) return fail('group', `vServer group ${group} is not one of ${route.loadBalancer}`);
  // The controller refuses to reuse what bears the name of its own groups (reference A4, E7).
  if (/^k8s(\/[^/]*){4}$/.test(name)) {
    return fail('group', `vServer group ${group} is named "${name}", as the controller's own are: rename it`);
  }
  return { id: 'group', status: 'pass', found: `vServer group ${group} can be shared` };
}

function fail(id: string, found: string): Check {
  return { id, status: 'fail', found };
}
