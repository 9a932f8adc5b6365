import { paired } from '../domain/sources.ts';
import { isObject } from './choice.ts';
import type { Path, PlacedProblem } from './problems.ts';
import { parsePerCent } from './values.ts';

/**
 * Rules over several fields of a migration file. They read what could be read, also where other fields are wrong, so
 * that a person gets all mistakes in one go; a field that is wrong by itself was reported by the schema.
 */
export function brokenRules(file: unknown): readonly PlacedProblem[] {
  const spec = isObject(file) && isObject(file['spec']) ? file['spec'] : null;
  if (spec === null) return [];
  return [
    ...formRules(spec),
    ...pairRules(spec),
    ...stepRules(listOf(spec['steps'])),
    ...routeRules(listOf(spec['routes'])),
    ...subsetRules(listOf(spec['routes'])),
    ...routeOrderRules(spec),
    ...probeRules(spec),
    ...pathRules(spec),
    ...pairedRules(spec),
    ...listOf(spec['windows']).flatMap(windowRule),
    ...repeated(listOf(spec['notify']).map((name, index) => [name, ['spec', 'notify', index]])),
  ];
}

type Fields = Readonly<Record<string, unknown>>;

function formRules(spec: Fields): readonly PlacedProblem[] {
  const has = (field: string) => spec[field] !== undefined;
  if (has('routes')) {
    return ['source', 'target']
      .filter(has)
      .map((field) => problem(['spec', field], 'cannot stand beside spec.routes: the routes name their sides', true));
  }
  return ['source', 'target']
    .filter((field) => !has(field))
    .map((field) => problem(['spec', field], 'is missing (or write spec.routes, the long form)'));
}

function pairRules(spec: Fields): readonly PlacedProblem[] {
  const source = nameOf(spec['source'], 'service');
  const target = nameOf(spec['target'], 'gateway');
  return source !== null && target !== null && isSameName(source, target)
    ? [problem(['spec', 'target'], sameNameMessage(source))]
    : [];
}

function stepRules(steps: readonly unknown[]): readonly PlacedProblem[] {
  const shares = steps.map((step) => parsePerCent(isObject(step) ? step['share'] : step));
  return shares.flatMap((share, index) => {
    const before = shares[index - 1];
    if (share === null || before === null || before === undefined || share > before) return [];
    return [
      problem(
        ['spec', 'steps', index, 'share'],
        `is ${share} per cent after ${before}: shares must rise from step to step`,
      ),
    ];
  });
}

function routeRules(routes: readonly unknown[]): readonly PlacedProblem[] {
  const groupsAt: [unknown, Path][] = [];
  const sourcesAt: [unknown, Path][] = [];
  const problems = routes.flatMap((route, index): readonly PlacedProblem[] => {
    if (!isObject(route)) return [];
    const at: Path = ['spec', 'routes', index];
    const ports = isObject(route['ports']) ? Object.entries(route['ports']) : [];
    groupsAt.push(...ports.map(([port, group]): [unknown, Path] => [group, [...at, 'ports', port]]));
    sourcesAt.push([serviceOf(route['source']), [...at, 'source']]);
    return sideRules(route, at);
  });
  const targets = new Set(routes.map((route) => serviceOf(isObject(route) ? route['target'] : null)));
  const swapped = sourcesAt.filter(([source, path]) => {
    const own = routes[Number(path[2])];
    return source !== null && targets.has(String(source)) && serviceOf(isObject(own) ? own['target'] : null) !== source;
  });
  return [
    ...problems,
    ...swapped.map(([source, path]) => problem(path, `${source} is the target of another route`)),
    ...repeated(groupsAt),
    ...repeated(sourcesAt),
  ];
}

/** Signals of a migration count requests of its two sides, and cannot tell those of gateways from those of subsets. */
function subsetRules(routes: readonly unknown[]): readonly PlacedProblem[] {
  const isSubset = (route: unknown): route is Fields => isObject(route) && 'virtualService' in route;
  const isMixed = routes.some(isSubset) && !routes.every(isSubset);
  const mixed = isMixed ? routes.findIndex(isSubset) : -1;
  const names: [unknown, Path][] = routes.map((route, index) => [
    isSubset(route) ? `${route['mesh']}/${route['virtualService']}` : null,
    ['spec', 'routes', index, 'virtualService'],
  ]);
  return [
    ...(mixed < 0
      ? []
      : [
          problem(
            ['spec', 'routes', mixed, 'virtualService'],
            'cannot stand beside routes of load balancers: subsets move in a migration of their own',
            true,
          ),
        ]),
    ...repeated(names),
    ...routes.flatMap((route, index) => {
      const from = isSubset(route) ? listOf(route['from']) : [];
      const at: Path = ['spec', 'routes', index];
      const isBoth = isSubset(route) && from.includes(route['to']);
      return [
        ...repeated(from.map((name, place): [unknown, Path] => [name, [...at, 'from', place]])),
        ...(isBoth
          ? [problem([...at, 'to'], `${route['to']} is among from as well: a migration needs two sides`)]
          : []),
      ];
    }),
  ];
}

/** Their requests are told apart by no load balancer, so that one could not be judged without the others. */
function routeOrderRules(spec: Fields): readonly PlacedProblem[] {
  const hasSubsets = listOf(spec['routes']).some((route) => isObject(route) && route['virtualService'] !== undefined);
  return spec['routeOrder'] === 'sequential' && hasSubsets
    ? [problem(['spec', 'routeOrder'], 'must be together: subsets of hosts move in lockstep')]
    : [];
}

function sideRules(route: Fields, at: Path): readonly PlacedProblem[] {
  const source = nameOf(route['source'], 'service');
  const target = serviceOf(route['target']);
  if (target !== null && target === serviceOf(route['source'])) {
    return [problem([...at, 'target'], `${target} is the source as well: a migration needs two sides`)];
  }
  const gateway = nameOf(route['target'], 'gateway');
  return source !== null && gateway !== null && isSameName(source, gateway)
    ? [problem([...at, 'target'], sameNameMessage(source))]
    : [];
}

function probeRules(spec: Fields): readonly PlacedProblem[] {
  const probes = listOf(spec['probes']);
  const both =
    spec['probe'] !== undefined && spec['probes'] !== undefined
      ? [problem(['spec', 'probe'], 'cannot stand beside spec.probes: move it into the list', true)]
      : [];
  const names = probes.map((probe, index): [unknown, Path] => [
    isObject(probe) ? probe['name'] : null,
    ['spec', 'probes', index, 'name'],
  ]);
  return [...both, ...repeated(names)];
}

/** Paths compare the gateways of two sides; a migration of subsets has none of its own. */
function pathRules(spec: Fields): readonly PlacedProblem[] {
  const paths = listOf(spec['paths']);
  const routes = listOf(spec['routes']);
  const isOfSubsets = routes.length > 0 && routes.every((one) => isObject(one) && one['virtualService'] !== undefined);
  const urls = paths.map((path, index): [unknown, Path] => [
    isObject(path) ? path['url'] : path,
    ['spec', 'paths', index],
  ]);
  const message = 'cannot stand beside subsets of hosts: it compares the gateways of two sides';
  return [...(isOfSubsets && paths.length > 0 ? [problem(['spec', 'paths'], message, true)] : []), ...repeated(urls)];
}

/** Paired probes stand beside users' requests, and need something to ask of both sides. */
function pairedRules(spec: Fields): readonly PlacedProblem[] {
  const analysis = isObject(spec['analysis']) ? spec['analysis'] : {};
  const signals = analysis['signals'];
  const sources = Array.isArray(signals) ? signals : [signals];
  if (!sources.includes(paired)) return [];
  const at: Path = ['spec', 'analysis', 'signals'];
  const probes = [spec['probe'], ...listOf(spec['probes'])].filter(isObject);
  return [
    ...(sources.length > 1
      ? []
      : [problem(at, `${paired} stands beside a source of users' requests: [push, ${paired}]`)]),
    ...(probes.some(({ side = 'both' }) => side === 'both')
      ? []
      : [problem(at, `${paired} needs a probe of both sides: spec.probe, or one of spec.probes`)]),
  ];
}

function windowRule(window: unknown, index: number): readonly PlacedProblem[] {
  if (!isObject(window)) return [];
  const { from, to } = window;
  return typeof from === 'number' && typeof to === 'number' && from >= to
    ? [problem(['spec', 'windows', index, 'to'], 'must be later than from; a window ends on the day it begins')]
    : [];
}

/** An IstioGateway `x` makes a Service `istio-x`: with that name the mesh would take over the source (reference C1). */
function isSameName(source: string, gateway: string): boolean {
  const [namespace, name] = gateway.split('/');
  return source === gateway || source === `${namespace}/istio-${name}`;
}

function sameNameMessage(source: string): string {
  return `the gateway would get the Service ${source}, which is the source; the target needs another name`;
}

/** `namespace/name` of a side in either way of writing, null where it is something else. */
function nameOf(side: unknown, field: 'service' | 'gateway'): string | null {
  const name = isObject(side) ? side[field] : side;
  return typeof name === 'string' ? name : null;
}

function serviceOf(side: unknown): string | null {
  if (!isObject(side)) return null;
  const { cluster, service } = side;
  return typeof cluster === 'string' && typeof service === 'string' ? `${cluster}/${service}` : null;
}

function repeated(values: readonly (readonly [unknown, Path])[]): readonly PlacedProblem[] {
  const firstAt = new Map<unknown, Path>();
  return values.flatMap(([value, path]) => {
    if (typeof value !== 'string') return [];
    const first = firstAt.get(value);
    if (first === undefined) firstAt.set(value, path);
    return first === undefined ? [] : [problem(path, `${value} stands here twice; first at ${first.join('.')}`)];
  });
}

function problem(path: Path, message: string, isAtKey = false): PlacedProblem {
  return { path, message, isAtKey };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
