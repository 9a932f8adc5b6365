import type { Clients } from './clients.ts';
import type { Gateway } from './gateway.ts';
import type { GatewayReading, SideCounters } from './gateway-book.ts';
import type { DataPlane } from './load-balancer.ts';
import type { OpenConnections } from './open-connections.ts';
import { type Counts, countsOf, emptyTally } from './tally.ts';

/** What `GET /counters` of the control API answers. Each side is counted at its gateway, what is lost at the clients. */
export interface Counters {
  readonly source: SideCounters;
  readonly target: SideCounters;
  /** By the load balancer that requests came in at. What came in at an L4 listener is in the sums above alone. */
  readonly loadBalancers: Readonly<Record<string, { readonly source: SideCounters; readonly target: SideCounters }>>;
  /** Of callers inside the cluster, who come past the load balancers; in the sums above as well. */
  readonly direct: { readonly source: SideCounters; readonly target: SideCounters };
  readonly lost: { readonly sinceStart: number; readonly last10s: number };
  /** Calls inside the mesh, of the pages of both sides: host, as `default/reviews`, -> subset. */
  readonly subsets: Readonly<Record<string, Readonly<Record<string, SubsetCounters>>>>;
  /**
   * What is open now, by load balancer: connections at TCP listeners, requests under way at HTTP ones. A side of weight
   * 0 has some for as long as they live.
   */
  readonly connections: Readonly<Record<string, OpenBySide>>;
  /** As the gateways count them: connections from load balancers that carried a request, idle ones too. */
  readonly gatewayConnections: { readonly source: OpenConnections; readonly target: OpenConnections };
}

export interface SubsetCounters extends Counted {
  readonly last10s: Counted;
}

interface Counted {
  readonly requests: number;
  readonly errors: number;
}

export interface OpenBySide {
  readonly source: number;
  readonly target: number;
}

type CountedGateway = Pick<Gateway, 'counters' | 'answersAt'>;

/** All counters at one moment: those of the gateways, of the clients, and of what is open at the entries. */
export function countersOf(
  source: CountedGateway,
  target: CountedGateway,
  clients: Pick<Clients, 'counters'>,
  plane: Pick<DataPlane, 'entries' | 'connections'>,
  /** Host -> the subsets that it has, called or not. */
  subsets: Readonly<Record<string, readonly string[]>> = {},
): Counters {
  const { sinceStart, last10s } = clients.counters();
  // Each is read once: a reading adds up its last ten seconds anew.
  const [atSource, atTarget] = [source.counters(), target.counters()];
  return {
    source: sideCounters(atSource),
    target: sideCounters(atTarget),
    loadBalancers: bySide(atSource, atTarget, plane),
    subsets: bySubset([atSource.subsets, atTarget.subsets], subsets),
    direct: { source: atSource.direct, target: atTarget.direct },
    lost: { sinceStart: sinceStart.lost, last10s: last10s.lost },
    connections: openBySide(source, target, plane),
    gatewayConnections: { source: atSource.open, target: atTarget.open },
  };
}

function sideCounters({ sinceStart, last10s }: SideCounters): SideCounters {
  return { sinceStart, last10s };
}

const nothing: SideCounters = { sinceStart: countsOf(emptyTally()), last10s: countsOf(emptyTally()) };

function bySide(
  atSource: GatewayReading,
  atTarget: GatewayReading,
  { entries }: Pick<DataPlane, 'entries'>,
): Counters['loadBalancers'] {
  // By the entries, not by what gateways were told: whoever calls one directly may name any load balancer.
  return Object.fromEntries(
    Object.keys(entries).map((id) => [
      id,
      { source: atSource.loadBalancers[id] ?? nothing, target: atTarget.loadBalancers[id] ?? nothing },
    ]),
  );
}

/** Those that are defined and not called yet, and those that are called and not defined (any more). */
function bySubset(
  readings: readonly GatewayReading['subsets'][],
  defined: Readonly<Record<string, readonly string[]>>,
): Counters['subsets'] {
  const hosts = new Set([...Object.keys(defined), ...readings.flatMap((reading) => Object.keys(reading))]);
  return Object.fromEntries(
    [...hosts].map((host) => {
      const called = readings.map((reading) => reading[host] ?? {});
      const names = new Set([...(defined[host] ?? []), ...called.flatMap((one) => Object.keys(one))]);
      return [host, Object.fromEntries([...names].map((name) => [name, sumOf(called.map((one) => one[name]))]))];
    }),
  );
}

function sumOf(parts: readonly (SideCounters | undefined)[]): SubsetCounters {
  const sum = (of: (one: SideCounters) => Counts): Counted => ({
    requests: parts.reduce((all, one) => all + (one === undefined ? 0 : of(one).requests), 0),
    errors: parts.reduce((all, one) => all + (one === undefined ? 0 : of(one).errors), 0),
  });
  return { ...sum((one) => one.sinceStart), last10s: sum((one) => one.last10s) };
}

function openBySide(
  source: CountedGateway,
  target: CountedGateway,
  plane: Pick<DataPlane, 'entries' | 'connections'>,
): Readonly<Record<string, OpenBySide>> {
  const all = plane.connections();
  const openAt = (loadBalancer: string, gateway: CountedGateway): number =>
    all
      .filter((one) => one.loadBalancer === loadBalancer)
      .filter(({ address, port }) => address !== null && gateway.answersAt(address, port))
      .reduce((sum, { open }) => sum + open, 0);
  const names = new Set([...Object.keys(plane.entries), ...all.map(({ loadBalancer }) => loadBalancer)]);
  return Object.fromEntries(
    [...names].map((name) => [name, { source: openAt(name, source), target: openAt(name, target) }]),
  );
}
