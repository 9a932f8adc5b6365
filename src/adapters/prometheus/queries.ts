import type { Side, SideRef } from '../../domain/spec.ts';
import type { SubsetRoute } from '../../domain/subset-route.ts';
import { TerminalError } from '../../ports/errors.ts';
import type { PulledFrom } from '../../ports/signals.ts';

/** PromQL that finds counters; `$namespace` and `$workload` stand for regular expressions of a side's gateways. */
export interface Queries {
  readonly requests: string;
  readonly errors: string;
  /** Finds the buckets of a histogram; `$le` stands for the bound in milliseconds, `$leSeconds` for it in seconds. */
  readonly latency?: string | null;
}

/** The queries about one side, with nothing left to fill in. */
export interface SideQueries {
  readonly requests: string;
  readonly errors: string;
  /** Requests whose time was measured, and those that were within the bound; null where latency is not judged. */
  readonly timed: { readonly all: string; readonly fast: string; readonly overMs: number } | null;
}

const ofGateway = 'reporter="source",source_workload_namespace=~"$namespace",source_workload=~"$workload"';
const ofSubset =
  'reporter="destination",destination_service_namespace=~"$namespace",destination_service_name=~"$workload",destination_version=~"$subset"';

/**
 * Istio's own counters, as the gateways report them themselves, and for subsets as their pods do.
 * @source Istio, "Standard Metrics": istio_requests_total, istio_request_duration_milliseconds, reporter, response_code
 */
const istioQueries = (labels: string): Queries => ({
  requests: `istio_requests_total{${labels}}`,
  errors: `istio_requests_total{${labels},response_code=~"5.."}`,
  latency: `istio_request_duration_milliseconds_bucket{${labels},le=~"$le"}`,
});

/**
 * The queries about each side of a migration, with its names filled in.
 * @throws TerminalError where a name is none of an object, or latency is judged and no query finds it
 */
export function queriesOf(
  own: Queries | null,
  { routes, subsets, analysis }: PulledFrom['spec'],
): Record<Side, SideQueries> {
  const overMs = analysis.latency?.overMs ?? null;
  const ofSide = (side: Side): SideQueries =>
    subsets.length > 0
      ? sideQueries(
          istioQueries(ofSubset),
          subsets.map((route) => subsetNames(route, side)),
          overMs,
        )
      : sideQueries(own ?? istioQueries(ofGateway), [gatewayNames(routes.map((route) => route[side]))], overMs);
  return { source: ofSide('source'), target: ofSide('target') };
}

type Names = Readonly<Partial<Record<Place, string>>>;
type Place = 'namespace' | 'workload' | 'subset' | 'le' | 'leSeconds';

function gatewayNames(refs: readonly SideRef[]): Names {
  return { namespace: anyOf(refs.map(({ namespace }) => namespace)), workload: anyOf(refs.flatMap(workloadsOf)) };
}

/** Istio labels a request with its Service's name and namespace; a subset is taken to bear the name of its `version` label. */
function subsetNames({ host, virtualService, from, to }: SubsetRoute, side: Side): Names {
  const [name = '', namespace = virtualService.namespace] = host.split('.');
  return { namespace: anyOf([namespace]), workload: anyOf([name]), subset: anyOf(side === 'source' ? from : [to]) };
}

/** ASM names the Deployment of an IstioGateway `istio-<name>`; that of a Service has its name, unless somebody chose another. */
function workloadsOf(ref: SideRef): readonly string[] {
  return ref.kind === 'gateway' ? [`istio-${ref.name}`] : [ref.name];
}

/** Of several hosts each has its own subsets, so each is asked for by itself. */
function sideQueries(
  { requests, errors, latency }: Queries,
  names: readonly Names[],
  overMs: number | null,
): SideQueries {
  const filled = (query: string, more: Names = {}) =>
    names.map((one) => filledIn(query, { ...one, ...more })).join('\nor\n');
  const found = { requests: filled(requests), errors: filled(errors) };
  if (overMs === null) return { ...found, timed: null };
  if (latency === null || latency === undefined) {
    throw new TerminalError('latency is judged, and its queries have none for it: name a histogram as queries.latency');
  }
  const all = { le: '[+]Inf', leSeconds: '[+]Inf' };
  const fast = { le: bound(overMs), leSeconds: bound(overMs / 1000) };
  return { ...found, timed: { all: filled(latency, all), fast: filled(latency, fast), overMs } };
}

/** A bound as a label says it: Prometheus 3 writes whole numbers with `.0`. */
function bound(value: number): string {
  return Number.isInteger(value) ? `${value}(?:[.]0)?` : String(value).replace('.', '[.]');
}

function filledIn(query: string, names: Names): string {
  return query.replace(/\$(namespace|workload|subset|leSeconds|le)\b/g, (all, name: Place) => names[name] ?? all);
}

/** A regular expression of these names, as it stands between the quotes of a label's matcher. */
function anyOf(names: readonly string[]): string {
  // Names of Kubernetes objects come from a checked file. That they hold nothing else is what keeps a query a query.
  const wrong = names.find((name) => !/^[A-Za-z0-9](?:[-\w.]{0,251}[A-Za-z0-9])?$/.test(name));
  if (wrong !== undefined) throw new TerminalError(`${JSON.stringify(wrong.slice(0, 60))} is no name of an object`);
  return [...new Set(names)].map((name) => name.replaceAll('.', '[.]')).join('|');
}
