import { type Side, type SideRef, sides } from '../../domain/spec.ts';
import { TerminalError } from '../../ports/errors.ts';
import type { PulledFrom } from '../../ports/signals.ts';

/** PromQL that finds counters; `$namespace` and `$workload` stand for regular expressions of a side's gateways. */
export interface Queries {
  readonly requests: string;
  readonly errors: string;
}

const ofGateway = 'reporter="source",source_workload_namespace=~"$namespace",source_workload=~"$workload"';

/**
 * Istio's own counters, as the gateways themselves report them.
 * @source Istio, "Standard Metrics": istio_requests_total, reporter, source_workload, response_code
 */
const istioQueries: Queries = {
  requests: `istio_requests_total{${ofGateway}}`,
  errors: `istio_requests_total{${ofGateway},response_code=~"5.."}`,
};

/**
 * The queries about each side of a migration, with its names filled in.
 * @throws TerminalError where a migration moves subsets, which only queries of the installation's own can count
 */
export function queriesOf(own: Queries | null, { routes, subsets }: PulledFrom['spec']): Record<Side, Queries> {
  if (subsets.length > 0 || routes.length === 0) {
    throw new TerminalError('it counts at gateways, and this migration moves subsets: push their samples');
  }
  const { requests, errors } = own ?? istioQueries;
  const [source, target] = sides.map((side) => {
    const refs = routes.map((route) => route[side]);
    const names = {
      namespace: anyOf(refs.map(({ namespace }) => namespace)),
      workload: anyOf(refs.flatMap(workloadsOf)),
    };
    return { requests: filledIn(requests, names), errors: filledIn(errors, names) };
  }) as [Queries, Queries];
  return { source, target };
}

/** ASM names the Deployment of an IstioGateway `istio-<name>`; that of a Service has its name, unless somebody chose another. */
function workloadsOf(ref: SideRef): readonly string[] {
  return ref.kind === 'gateway' ? [`istio-${ref.name}`] : [ref.name];
}

function filledIn(query: string, names: Readonly<Record<'namespace' | 'workload', string>>): string {
  return query.replace(/\$(namespace|workload)\b/g, (_, name: 'namespace' | 'workload') => names[name]);
}

/** A regular expression of these names, as it stands between the quotes of a label's matcher. */
function anyOf(names: readonly string[]): string {
  // Names of Kubernetes objects come from a checked file. That they hold nothing else is what keeps a query a query.
  const wrong = names.find((name) => !/^[a-z0-9][-a-z0-9.]{0,252}$/.test(name));
  if (wrong !== undefined) throw new TerminalError(`${JSON.stringify(wrong.slice(0, 60))} is no name of a gateway`);
  return [...new Set(names)].map((name) => name.replaceAll('.', '\\\\.')).join('|');
}
