import type { Profile } from './judge/policy.ts';
import type { PathSpec } from './parity.ts';
import { type SubsetRoute, virtualServiceName } from './subset-route.ts';

/** What a migration is asked to do, after the file was parsed, defaults were applied and routes were discovered. */
export interface Spec {
  readonly name: string;
  readonly routes: readonly Route[];
  /** Instead of routes: subsets of hosts in the mesh, which move by route weights. */
  readonly subsets: readonly SubsetRoute[];
  readonly routeOrder: RouteOrder;
  readonly steps: readonly Step[];
  /** `return`: the last step passed, the baseline is put back; a canary for schedules. */
  readonly finish: 'stay' | 'return';
  /** Points of share (per cent) that *achieved* may differ from *asked*. */
  readonly tolerance: number;
  readonly probes: readonly ProbeSpec[];
  /** What both sides must answer alike before the first step. */
  readonly paths: readonly PathSpec[];
  readonly analysis: Analysis;
  /** Samples of this long after a verified write are not judged. */
  readonly settleMs: number;
  readonly deadlineMs: number;
  readonly undoForMs: number;
  readonly deadManAfterMs: number;
  readonly capacityPatienceMs: number;
  /** A rollback that is not verified by then sets the weights straight at the CLB (break glass). */
  readonly breakGlassAfterMs: number;
  /** What somebody else's change leads to. `restore` writes our weights again, once for each cause, and then holds. */
  readonly onDrift: OnDrift;
  readonly windows: readonly Window[];
  /** Names of channels in the installation's configuration. */
  readonly notify: readonly string[];
}

/** `sequential`: a route goes through all steps before the next one begins. */
export const routeOrders = ['together', 'sequential'] as const;
export type RouteOrder = (typeof routeOrders)[number];

export const driftPolicies = ['hold', 'restore', 'rollback'] as const;
export type OnDrift = (typeof driftPolicies)[number];

export type Side = 'source' | 'target';
export const sides: readonly Side[] = ['source', 'target'];

/** A side whose weight is an annotation of a Service in a cluster. */
export interface ServiceRef {
  readonly kind: 'service';
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
}

/** A side whose weight is in `spec.serviceAnnotations` of an IstioGateway in a mesh; its Services follow. */
export interface GatewayRef {
  readonly kind: 'gateway';
  readonly mesh: string;
  readonly namespace: string;
  readonly name: string;
}

export type SideRef = ServiceRef | GatewayRef;

/** One load balancer with its two sides, and the vServer group behind each Service port. */
export interface Route {
  readonly loadBalancer: string;
  readonly source: ServiceRef;
  readonly target: SideRef;
  readonly ports: readonly PortMapping[];
}

export interface PortMapping {
  readonly port: number;
  readonly group: string;
}

export interface Step {
  /** Per cent of new requests that the target is to get, 0..100. */
  readonly share: number;
  readonly bakeMs: number;
  readonly gate: Gate | null;
}

export interface Gate {
  readonly expiresInMs: number;
  readonly onExpiry: 'rollback' | 'hold';
}

export interface ProbeSpec {
  readonly name: string;
  readonly side: Side | 'both';
  /** Host header, and SNI where the port speaks TLS. */
  readonly host: string;
  readonly path: string;
  /** The Service port whose endpoints are asked; null: the first port of the route. */
  readonly port: number | null;
  readonly status: number;
  readonly everyMs: number;
  /** So many failures in a row make the probe fail. */
  readonly failures: number;
  readonly timeoutMs: number;
}

/** What is asked of one metric; rates and budgets are fractions (domain/judge, JudgePolicy). */
export interface Judged {
  readonly profile: Profile;
  /** How much worse all traffic together may get (0.005 = half a per cent). */
  readonly harmBudget: number;
  /** Chance that a whole migration of a target that is no worse is called failed. */
  readonly falseAlarm: number;
  /** A target above this fails, whatever the source does. */
  readonly max: number;
}

/** By its error rate; `latency` by the share of requests that took too long, as a second metric. */
export interface Analysis extends Judged {
  /** Names of sources of signals, one or several; see `sourcesOf`. */
  readonly signals: string | readonly string[];
  /** What an alert leads to that is firing already when the migration starts. Absent: the start is refused. */
  readonly alertsAtStart?: 'ignore';
  /** A step with fewer requests of the target than this does not pass; that it fails needs no such number. */
  readonly minRequests: number;
  readonly latency: (Judged & { readonly overMs: number }) | null;
  /** How long a baked step may lack data before `onInsufficient`. */
  readonly patienceMs: number;
  readonly onInsufficient: 'hold' | 'rollback';
}

/** Days and hours in which the migration may go forward; outside, it holds. */
export interface Window {
  readonly days: readonly Weekday[];
  /** Minutes since midnight, in `zone`. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
}

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

/** How a side is written in messages and claims: `cluster/namespace/name`. */
export function sideName(ref: SideRef): string {
  return `${ref.kind === 'service' ? ref.cluster : ref.mesh}/${ref.namespace}/${ref.name}`;
}

/** Everything that no second migration may touch while this one is under way (rule 6). */
export function claimsOf({ routes, subsets }: Pick<Spec, 'routes' | 'subsets'>): readonly string[] {
  const ofRoutes = routes.flatMap((route) => [
    ...route.ports.map(({ group }) => `group ${group}`),
    `${route.source.kind} ${sideName(route.source)}`,
    `${route.target.kind} ${sideName(route.target)}`,
  ]);
  const ofSubsets = subsets.map((route) => `virtualservice ${virtualServiceName(route)}`);
  return [...new Set([...ofRoutes, ...ofSubsets])].sort();
}
