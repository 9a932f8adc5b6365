import {
  destinationRulesIn,
  type HttpRoute,
  type IstioObject,
  type Placed,
  type VirtualServiceSpec,
  virtualServicesIn,
} from './istio-objects.ts';
import type { Choice, Condition, Host, HostRouting, Route } from './subset-routing.ts';

type Labels = Readonly<Record<string, string>>;

/** What a mesh's control plane reads: the objects of its API server, and the endpoints of all its clusters. */
export interface MeshState {
  readonly virtualServices: readonly IstioObject[];
  readonly destinationRules: readonly IstioObject[];
  /** Ready endpoints of the host, each by the labels of its pod. */
  readonly endpoints: readonly Labels[];
}

interface Subset {
  readonly name: string;
  readonly labels: Labels;
  /** Ready endpoints. */
  readonly size: number;
}

/**
 * What sidecars do with calls to a host, as far as subsets matter.
 *
 * @source Istio reference "Virtual Service" and "Destination Rule": short names are looked up in the object's own
 * namespace; without gateways the reserved word `mesh` is meant; a single destination needs no weight
 */
export function routingOf(host: Host, state: MeshState): HostRouting {
  const subsets = subsetsOf(host, state);
  const rule = virtualServicesIn(state.virtualServices).find((one) => isFor(host, one));
  const spread = spreadOf(subsets, state.endpoints);
  const routes: readonly Route[] =
    rule === undefined
      ? [{ match: [], choices: spread }]
      : rule.spec.http.flatMap((http) => routeOf(host, rule.namespace, http, subsets, spread));
  return { subsets: subsets.map(({ name }) => name), routes };
}

/** `reviews` as `default` says it and `reviews.default.svc.cluster.local` are the same host. */
export function hostOf(text: string, namespace: string): Host {
  const [, name, place] = /^([^.]+)\.([^.]+)\.svc\.cluster\.local$/.exec(text) ?? [];
  return name === undefined || place === undefined ? { namespace, name: text } : { namespace: place, name };
}

function isSame(host: Host, text: string, namespace: string): boolean {
  const other = hostOf(text, namespace);
  return other.name === host.name && other.namespace === host.namespace;
}

function isFor(host: Host, { namespace, spec }: Placed<VirtualServiceSpec>): boolean {
  const isMesh = spec.gateways.length === 0 || spec.gateways.includes('mesh');
  return isMesh && spec.hosts.some((text) => isSame(host, text, namespace));
}

function subsetsOf(host: Host, { destinationRules, endpoints }: MeshState): readonly Subset[] {
  const defined = destinationRulesIn(destinationRules)
    .filter(({ namespace, spec }) => isSame(host, spec.host, namespace))
    .flatMap(({ spec }) => spec.subsets);
  const first = new Map<string, Labels>();
  for (const { name, labels } of defined) if (!first.has(name)) first.set(name, labels);
  return [...first].map(([name, labels]) => {
    const size = endpoints.filter((endpoint) => hasLabels(endpoint, labels)).length;
    return { name, labels, size };
  });
}

function hasLabels(endpoint: Labels, labels: Labels): boolean {
  return Object.entries(labels).every(([key, value]) => endpoint[key] === value);
}

/** Equal over all endpoints; one that several subsets have counts for the first of them. */
function spreadOf(subsets: readonly Subset[], endpoints: readonly Labels[]): readonly Choice[] {
  if (endpoints.length === 0) return [{ subset: null, weight: 1, isDead: true }];
  const sizes = new Map<string | null, number>();
  for (const endpoint of endpoints) {
    const subset = subsets.find(({ labels }) => hasLabels(endpoint, labels))?.name ?? null;
    sizes.set(subset, (sizes.get(subset) ?? 0) + 1);
  }
  return [...sizes].map(([subset, size]) => ({ subset, weight: size / endpoints.length, isDead: false }));
}

/** None where the route has a match of which no part can be judged here. */
function routeOf(
  host: Host,
  namespace: string,
  http: HttpRoute,
  subsets: readonly Subset[],
  spread: readonly Choice[],
): readonly Route[] {
  const match = http.match.flatMap(conditionOf);
  if (match.length === 0 && http.match.length > 0) return [];
  const choices = http.route.flatMap(({ destination, weight }): readonly Choice[] => {
    const share = http.route.length === 1 ? 1 : (weight ?? 0);
    if (!isSame(host, destination.host, namespace)) return [{ subset: null, weight: share, isDead: false }];
    const { subset } = destination;
    if (subset === undefined) return spread.map((choice) => ({ ...choice, weight: choice.weight * share }));
    const size = subsets.find(({ name }) => name === subset)?.size ?? 0;
    return [{ subset, weight: share, isDead: size === 0 }];
  });
  return [{ match, choices: choices.filter(({ weight }) => weight > 0) }];
}

/** Kinds of condition that are not known here never hold. */
function conditionOf(match: Readonly<Record<string, unknown>>): readonly Condition[] {
  const { name: _, uri, headers, ...others } = match;
  if (Object.keys(others).length > 0) return [];
  const path = uri === undefined ? null : uriOf(uri);
  const wanted = Object.entries((headers ?? {}) as Readonly<Record<string, unknown>>).map(([key, value]) => {
    const text = onlyText(value, 'exact');
    return text === null ? null : ([key.toLowerCase(), text] as const);
  });
  if (path === undefined || wanted.includes(null)) return [];
  return [{ uri: path, headers: wanted.filter((one) => one !== null) }];
}

function uriOf(uri: unknown): Condition['uri'] | undefined {
  for (const kind of ['exact', 'prefix'] as const) {
    const text = onlyText(uri, kind);
    if (text !== null) return { kind, text };
  }
  return undefined;
}

/** The text of `{ [kind]: text }`, null for anything else. */
function onlyText(value: unknown, kind: string): string | null {
  const [[key, text] = [], ...more] = Object.entries(Object(value) as Readonly<Record<string, unknown>>);
  return key === kind && typeof text === 'string' && more.length === 0 ? text : null;
}
