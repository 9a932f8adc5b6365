import {
  carrierOf,
  newVirtualService,
  parseVirtualService,
  splitPatch,
  type VirtualServiceObject,
} from '../../src/adapters/kubernetes/virtual-service.ts';
import type { ServiceReading } from '../../src/domain/observation.ts';
import type { Split, SplitCarrier, SubsetObservation, SubsetRoute } from '../../src/domain/subset-route.ts';
import { aService } from '../fixtures/builders.ts';
import { secret } from './secret.ts';

/** What is modelled of one subset route. Never changed, only replaced. */
export interface SplitState {
  readonly route: SubsetRoute;
  /** As its API server has it; null where there is none. */
  readonly object: RoutingObject | null;
  /** Ready pods of each subset of the route. */
  readonly pods: Readonly<Record<string, number>>;
}

/** A VirtualService. */
export interface RoutingObject {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly annotations: Readonly<Record<string, string>>;
    readonly managedFields: readonly unknown[];
  };
  readonly spec: { readonly hosts: readonly string[]; readonly http: readonly HttpRoute[] };
}

export interface HttpRoute {
  readonly match?: readonly unknown[];
  readonly timeout?: string;
  readonly route: readonly Destination[];
}

export interface Destination {
  readonly destination: {
    readonly host: string;
    readonly subset?: string;
    readonly port?: { readonly number: number };
  };
  readonly weight?: number;
  readonly headers?: unknown;
}

/** What a write asks of an object: its version and who writes are the world's to say. */
export type Written = Pick<RoutingObject, 'spec'> & {
  readonly annotations: RoutingObject['metadata']['annotations'];
};

/** In an annotation of a subset's Service, so that a probe is of its pods alone. */
const subsetKey = 'example.com/subset';

export function writtenAs(
  { spec, annotations }: Written,
  by: string,
  resourceVersion: string,
  atMs: number,
): RoutingObject {
  const owned = { manager: by, time: new Date(atMs).toISOString(), fieldsV1: { 'f:spec': { 'f:http': {} } } };
  return { metadata: { resourceVersion, annotations, managedFields: [owned] }, spec };
}

interface Known {
  readonly parsed: VirtualServiceObject;
  readonly carrier: SplitCarrier;
}

/** An object is of one route and never changed, and is read by every look. */
const all = new WeakMap<RoutingObject, Known>();

function knownOf(object: RoutingObject, route: SubsetRoute): Known {
  const found = all.get(object);
  if (found !== undefined) return found;
  const parsed = parseVirtualService(object, 'of the simulator');
  const known = { parsed, carrier: carrierOf(parsed, route) };
  all.set(object, known);
  return known;
}

export function carrierIn({ object, route }: Pick<SplitState, 'object' | 'route'>): SplitCarrier | null {
  return object === null ? null : knownOf(object, route).carrier;
}

export function fenceIn(state: Pick<SplitState, 'object' | 'route'>): number | null {
  return carrierIn(state)?.fence ?? null;
}

/** What the production code's own request makes of the object: a merge patch, or a new one. */
export function rewritten(object: RoutingObject | null, route: SubsetRoute, split: Split, fence: number): Written {
  if (object === null) {
    const { metadata, spec } = newVirtualService(route, split, fence) as RoutingObject;
    return { annotations: metadata.annotations, spec };
  }
  const { metadata, spec } = splitPatch(knownOf(object, route).parsed, route, split, fence) as RoutingObject;
  return {
    annotations: { ...object.metadata.annotations, ...metadata.annotations },
    spec: { ...object.spec, ...spec },
  };
}

/** How requests are divided: by the weights, or, where nobody wrote any, equally over the subsets that have a pod. */
export function weightsIn(state: SplitState): Split {
  const written = carrierIn(state)?.split ?? null;
  if (written !== null) return written;
  const served = Object.keys(state.pods).filter((name) => hasPod(state, name));
  return Object.fromEntries(served.map((name) => [name, 100 / served.length]));
}

export function hasPod({ pods }: SplitState, subset: string): boolean {
  return (pods[subset] ?? 0) > 0;
}

/** Per cent of what `from` and `to` get together that goes to `to`; 0 where they get nothing. */
export function shareAt(split: Split, { from, to }: SubsetRoute): number {
  const target = split[to] ?? 0;
  const all = from.reduce((sum, name) => sum + (split[name] ?? 0), target);
  return all === 0 ? 0 : (target / all) * 100;
}

export function isSameSplit(one: Split, other: Split): boolean {
  return [...Object.keys(one), ...Object.keys(other)].every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}

/** @param isCounted false: the cluster gives no answer, and the mesh does */
export function readSplitState(state: SplitState, isCounted: boolean): SubsetObservation {
  const { route } = state;
  return {
    route,
    carrier: carrierIn(state),
    subsets: [...route.from, route.to].map((name) => ({
      name,
      isDefined: true,
      services: isCounted ? [serviceOf(state, name)] : null,
    })),
  };
}

function serviceOf({ route, pods }: SplitState, subset: string): ServiceReading {
  const { host, virtualService } = route;
  return {
    ...aService('source', null, pods[subset] ?? 0),
    name: host,
    namespace: virtualService.namespace,
    annotations: { [subsetKey]: subset, 'example.com/credentials': secret },
  };
}

/** Which subset a Service that was read stands for; null where it is none of a subset. */
export function subsetOf({ annotations }: ServiceReading): string | null {
  return annotations?.[subsetKey] ?? null;
}
