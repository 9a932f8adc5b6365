import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import type { Draft } from '../domain/draft.ts';
import type { PathSpec } from '../domain/parity.ts';
import {
  type Analysis,
  type Judged,
  type ProbeSpec,
  type Route,
  type SideRef,
  type Weekday,
  weekdays,
} from '../domain/spec.ts';
import type { SubsetRoute } from '../domain/subset-route.ts';
import { InvalidInputError } from '../ports/errors.ts';
import { formsOf } from './choice.ts';
import { readDocument, withLine } from './document.ts';
import { brokenRules } from './migration-rules.ts';
import {
  type MigrationFile,
  migrationSchema,
  type ProbeOfFile,
  type RouteOfFile,
  type SubsetRouteOfFile,
} from './migration-schema.ts';
import { type PathOfFile, partsOf } from './path-schema.ts';
import { check, type PlacedProblem, problemsMax, toInputProblem } from './problems.ts';
import { splitName } from './values.ts';

/**
 * Reads a migration file, YAML or JSON (design section 5).
 * @throws InvalidInputError with every mistake, each with its path and line
 */
export function parseMigration(text: string): Draft {
  const document = readDocument(text);
  const { file, problems } = checkMigration(document.value);
  if (file === null) {
    const placed = problems.map((problem) => withLine(document, problem));
    throw new InvalidInputError(placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return draftOf(file);
}

/**
 * The same for a value that was parsed already; there are no lines then.
 * @throws InvalidInputError
 */
export function parseMigrationValue(value: unknown): Draft {
  const { file, problems } = checkMigration(value);
  if (file === null) throw new InvalidInputError(problems.map(toInputProblem));
  return draftOf(file);
}

/** The JSON Schema of the file as people write it, for editors. */
export function migrationJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...jsonSchemaOf(migrationSchema),
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sluice migration file',
  };
}

/** JSON Schema of what is to be sent; rules that it cannot say are left to the check itself. */
export function jsonSchemaOf(schema: v.GenericSchema): Readonly<Record<string, unknown>> {
  const { $schema: _, ...converted } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema }) => {
      const forms = formsOf(valibotSchema);
      return forms === null ? null : { anyOf: forms.map((form) => jsonSchemaOf(form)) };
    },
  });
  return converted;
}

function checkMigration(value: unknown): { file: MigrationFile | null; problems: readonly PlacedProblem[] } {
  const { output, partial, problems } = check(migrationSchema, value);
  const all = [...problems, ...brokenRules(partial)].slice(0, problemsMax);
  return { file: all.length === 0 ? output : null, problems: all };
}

function draftOf({ metadata, spec }: MigrationFile): Draft {
  return {
    name: metadata.name,
    routes: routesOf(spec),
    subsets: (spec.routes ?? []).filter(isSubsetRoute).map(subsetRouteOf),
    routeOrder: spec.routeOrder,
    steps: spec.steps.map(({ share, bake, gate }) => ({
      share,
      bakeMs: bake,
      gate: gate === null ? null : { expiresInMs: gate.expiresIn, onExpiry: gate.onExpiry },
    })),
    finish: spec.finish,
    tolerance: spec.tolerance,
    probes: (spec.probe ? [spec.probe] : (spec.probes ?? [])).map(probeOf),
    paths: spec.paths.map(pathOf),
    analysis: analysisOf(spec.analysis),
    settleMs: spec.settle,
    deadlineMs: spec.deadline,
    undoForMs: spec.undoFor,
    deadManAfterMs: spec.deadManAfter,
    capacityPatienceMs: spec.capacityPatience,
    breakGlassAfterMs: spec.breakGlassAfter,
    onDrift: spec.onDrift,
    windows: spec.windows.map(({ days, from, to, zone }) => ({
      days: daysOf(days),
      fromMinute: from,
      toMinute: to,
      zone,
    })),
    notify: spec.notify,
  };
}

function analysisOf({
  signals,
  alerts,
  errorRate,
  latency,
  patience,
  onInsufficient,
}: MigrationFile['spec']['analysis']): Analysis {
  return {
    signals,
    ...(alerts.atStart === 'ignore' ? { alertsAtStart: 'ignore' as const } : {}),
    ...judgedOf(errorRate),
    minRequests: errorRate.minRequests,
    latency: latency === undefined ? null : { ...judgedOf(latency), overMs: latency.over },
    patienceMs: patience,
    onInsufficient,
  };
}

function judgedOf({ profile, harmBudget, falseAlarm, max }: Judged): Judged {
  // Rounded, because 0.1 per cent divided by 100 is not 0.001 in binary.
  const fraction = (perCent: number): number => Number((perCent / 100).toFixed(8));
  return { profile, harmBudget: fraction(harmBudget), falseAlarm: fraction(falseAlarm), max: fraction(max) };
}

function routesOf({ source, target, routes }: MigrationFile['spec']): Draft['routes'] {
  if (routes === undefined) return { source: pairSource(source), target: pairTarget(target) };
  return routes.filter(isClbRoute).map(
    (route): Route => ({
      loadBalancer: route.loadBalancer,
      source: { kind: 'service', cluster: route.source.cluster, ...splitName(route.source.service) },
      target: sideOf(route.target),
      ports: Object.entries(route.ports).map(([port, group]) => ({ port: Number(port), group })),
    }),
  );
}

function isClbRoute(route: RouteOfFile | SubsetRouteOfFile): route is RouteOfFile {
  return 'loadBalancer' in route;
}

function isSubsetRoute(route: RouteOfFile | SubsetRouteOfFile): route is SubsetRouteOfFile {
  return 'virtualService' in route;
}

function subsetRouteOf({ mesh, virtualService, host, from, to }: SubsetRouteOfFile): SubsetRoute {
  return { mesh, virtualService: splitName(virtualService), host, from, to };
}

function sideOf(side: RouteOfFile['target']): SideRef {
  return 'mesh' in side
    ? { kind: 'gateway', mesh: side.mesh, ...splitName(side.gateway) }
    : { kind: 'service', cluster: side.cluster, ...splitName(side.service) };
}

function pairSource(source: MigrationFile['spec']['source'] = '') {
  if (typeof source === 'string') return { cluster: null, ...splitName(source) };
  return { cluster: source.cluster, ...splitName(source.service) };
}

function pairTarget(target: MigrationFile['spec']['target'] = '') {
  if (typeof target === 'string') return { mesh: null, ...splitName(target) };
  return { mesh: target.mesh, ...splitName(target.gateway) };
}

function probeOf(probe: ProbeOfFile): ProbeSpec {
  const { name, side, host, path, port, failures } = probe;
  return {
    name,
    side,
    host,
    path,
    port,
    status: probe.expect.status,
    everyMs: probe.every,
    failures,
    timeoutMs: probe.timeout,
  };
}

function pathOf({ url, headers, body, slower, timeout, differences }: PathOfFile): PathSpec {
  const isAllowed = differences === 'allow';
  return { url, ...partsOf(url), headers, comparesBody: body, slowerMs: slower, timeoutMs: timeout, isAllowed };
}

/** `mon-thu` and `sat,sun` as the days they name; a range may go over the end of the week. */
function daysOf(text: string): readonly Weekday[] {
  const named = new Set<Weekday>();
  for (const part of text.split(/, ?/)) {
    const [first = '', last = first] = part.split('-');
    const from = weekdays.indexOf(first as Weekday);
    const length = (weekdays.indexOf(last as Weekday) - from + weekdays.length) % weekdays.length;
    for (let day = from; day <= from + length; day += 1) named.add(weekdays[day % weekdays.length] ?? 'mon');
  }
  return weekdays.filter((day) => named.has(day));
}
