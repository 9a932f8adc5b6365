import type { HostRouting } from '../mesh/subset-routing.ts';
import type { OpenConnections } from './open-connections.ts';
import type { Tally } from './tally.ts';

export type GatewaySide = 'source' | 'target';

/** One address a gateway answers at: a pod's, or a node's with its NodePort. */
export interface ListenPair {
  readonly address: string;
  readonly port: number;
}

/** How a gateway behaves; `errorRate` in [0, 1] and `latencyMs` are for ordinary requests, `probes` for probes only. */
export interface GatewayKnobs {
  readonly errorRate: number;
  readonly latencyMs: number;
  readonly probes: boolean;
}

/** What the process is started with: one argument, JSON. `adminPort` 0 takes a free one. */
export interface GatewayStart {
  readonly side: GatewaySide;
  readonly listen: readonly ListenPair[];
  readonly adminPort: number;
  readonly workload: string;
  readonly seed: number;
}

export interface GatewayCounters {
  readonly total: Tally;
  /** By `address:port`. */
  readonly backends: Readonly<Record<string, { readonly requests: number; readonly errors: number }>>;
  /** By the load balancer that a request came in at, where the request tells. */
  readonly loadBalancers: Readonly<Record<string, Tally>>;
  /** Those of callers inside the cluster, who came past every load balancer; they are in the total. */
  readonly direct: Tally;
  readonly open: OpenConnections;
  readonly subsets: SubsetTallies;
}

/** Host, as `default/reviews`, -> subset -> calls. */
export type SubsetTallies = Readonly<Record<string, Readonly<Record<string, Tally>>>>;

/** A host that a page calls inside the mesh, once for each time it is asked for. */
export interface CalledHost {
  readonly host: string;
  /** Path of the page, and that of the call. */
  readonly page: string;
  readonly path: string;
  readonly routing: HostRouting;
  /** By subset, in [0, 1]; 0 where absent. */
  readonly errorRates: Readonly<Record<string, number>>;
}

/**
 * Names the load balancer that a request came in at. A CLB's HTTP listener adds it where its `XForwardedFor_SLBID` is on;
 * where it is off, a host name of its own for the internal load balancer tells a real gateway the same. At an L4
 * listener nobody can add a header, and a gateway cannot tell.
 */
export const loadBalancerHeader = 'slb-id';

export type ToGateway =
  | { readonly kind: 'set'; readonly id: number; readonly knobs: Partial<GatewayKnobs> }
  | { readonly kind: 'listen'; readonly id: number; readonly pairs: readonly ListenPair[] }
  | { readonly kind: 'call'; readonly id: number; readonly hosts: readonly CalledHost[] };

export type FromGateway =
  | { readonly kind: 'ready'; readonly adminPort: number }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'counters'; readonly counters: GatewayCounters };

/** One gateway process answers for every pod and node of its side. */
export const listenPairsMax = 500;
