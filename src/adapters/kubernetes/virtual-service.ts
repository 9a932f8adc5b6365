import * as v from 'valibot';
import { fenceKey } from '../../domain/annotations.ts';
import { fullHost } from '../../domain/mesh-object.ts';
import type { Split, SplitCarrier, SubsetRoute } from '../../domain/subset-route.ts';
import { TerminalError } from '../../ports/errors.ts';
import { fenceOf } from './fence.ts';
import { writtenBy } from './written-by.ts';

const networking = { group: 'networking.istio.io', version: 'v1beta1' } as const;
export const virtualServiceResource = { ...networking, plural: 'virtualservices' } as const;
export const destinationRuleResource = { ...networking, plural: 'destinationrules' } as const;

const routesMax = 1_000;
const destination = v.looseObject({
  destination: v.looseObject({ host: v.string(), subset: v.optional(v.string()) }),
  weight: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});
const httpRoute = v.looseObject({
  match: v.optional(v.nullable(v.array(v.unknown()))),
  route: v.optional(v.nullable(v.array(destination))),
});
type Destination = v.InferOutput<typeof destination>;
type HttpRoute = v.InferOutput<typeof httpRoute>;

const annotations = v.optional(v.nullable(v.record(v.string(), v.string())));
const schema = v.object({
  metadata: v.object({
    resourceVersion: v.string(),
    annotations,
    managedFields: v.optional(
      v.array(
        v.object({
          manager: v.optional(v.string()),
          time: v.optional(v.union([v.string(), v.date()])),
          fieldsV1: v.optional(v.unknown()),
        }),
      ),
    ),
  }),
  spec: v.optional(
    v.object({ http: v.optional(v.nullable(v.pipe(v.array(httpRoute), v.maxLength(routesMax))), []) }),
    {},
  ),
});
export type VirtualServiceObject = v.InferOutput<typeof schema>;

/** @throws TerminalError where the object is not a VirtualService as described */
export function parseVirtualService(object: unknown, name: string): VirtualServiceObject {
  const parsed = v.safeParse(schema, object);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new TerminalError(
    `VirtualService ${name}: ${v.getDotPath(issue) ?? 'the object'}: ${issue.message.slice(0, 200)}`,
  );
}

/** The weights of the one http route whose requests are moved, as they are written. */
export function carrierOf(object: VirtualServiceObject, route: SubsetRoute): SplitCarrier {
  const found = movedRoute(object, route);
  const split = 'problem' in found ? null : splitOf(destinationsOf(found.http));
  return {
    split,
    problem: 'problem' in found ? found.problem : null,
    fence: fenceOf(object.metadata.annotations ?? {}),
    writtenBy: writtenBy(object.metadata.managedFields, ['spec', 'http']),
  };
}

/**
 * A merge-patch replaces lists whole, so every http route goes along as it was read, and the guard by resourceVersion
 * keeps it from undoing what somebody else changed meanwhile.
 * @throws TerminalError where there is no one http route to write to
 */
export function splitPatch(object: VirtualServiceObject, route: SubsetRoute, split: Split, fence: number): object {
  const found = movedRoute(object, route);
  if ('problem' in found) throw new TerminalError(`VirtualService ${route.virtualService.name}: ${found.problem}`);
  const written = { ...found.http, route: weighed(destinationsOf(found.http), route.host, split) };
  const http = httpOf(object).map((one, index) => (index === found.index ? written : one));
  const { resourceVersion } = object.metadata;
  return { metadata: { resourceVersion, annotations: { [fenceKey]: String(fence) } }, spec: { http } };
}

export function newVirtualService({ virtualService, host }: SubsetRoute, split: Split, fence: number): object {
  return {
    apiVersion: `${networking.group}/${networking.version}`,
    kind: 'VirtualService',
    metadata: { ...virtualService, annotations: { [fenceKey]: String(fence) } },
    spec: { hosts: [host], http: [{ route: weighed([], host, split) }] },
  };
}

type Moved = { readonly http: HttpRoute; readonly index: number } | { readonly problem: string };

/** The http route that leads to the host; of several the one without a match, which takes all that is left. */
function movedRoute(object: VirtualServiceObject, { host, virtualService: { namespace } }: SubsetRoute): Moved {
  const isOfHost = (one: Destination): boolean =>
    fullHost(one.destination.host, namespace) === fullHost(host, namespace);
  const leading = httpOf(object)
    .map((http, index) => ({ http, index }))
    .filter(({ http }) => destinationsOf(http).some(isOfHost));
  const general = leading.length === 1 ? leading : leading.filter(({ http }) => (http.match ?? []).length === 0);
  const [found] = general;
  if (leading.length === 0) return { problem: `no http route leads to ${host}` };
  if (found === undefined) return { problem: `${leading.length} http routes lead to ${host}, each with a match` };
  const destinations = destinationsOf(found.http);
  if (!destinations.every(isOfHost)) return { problem: `http route ${found.index} leads to other hosts as well` };
  const named = destinations.filter((one) => one.destination.subset !== undefined).length;
  return named > 0 && named < destinations.length
    ? { problem: `http route ${found.index} leads to subsets of ${host} and to the host as a whole` }
    : found;
}

/** A single destination without weight gets everything (Istio's rule); null where no subset is named. */
function splitOf(destinations: readonly Destination[]): Split | null {
  const split: Record<string, number> = {};
  for (const { destination, weight } of destinations) {
    if (destination.subset === undefined) return null;
    const own = weight ?? (destinations.length === 1 ? 100 : 0);
    split[destination.subset] = (split[destination.subset] ?? 0) + own;
  }
  return split;
}

/** What a destination says besides its weight (port, headers) stays; a subset that has none yet gets that of the first. */
function weighed(destinations: readonly Destination[], host: string, split: Split): readonly Destination[] {
  const pattern: Destination = destinations[0] ?? { destination: { host } };
  return Object.entries(split).map(([subset, weight]) => {
    const known = destinations.find((one) => one.destination.subset === subset) ?? pattern;
    return { ...known, destination: { ...known.destination, subset }, weight };
  });
}

function httpOf({ spec }: VirtualServiceObject): readonly HttpRoute[] {
  return spec.http ?? [];
}

function destinationsOf({ route }: HttpRoute): readonly Destination[] {
  return route ?? [];
}
