import type { ServiceReading } from './observation.ts';
import type { Side } from './spec.ts';

/** Traffic of one host in a mesh: what goes to the subsets `from` is moved to the subset `to`, by route weights. */
export interface SubsetRoute {
  readonly mesh: string;
  readonly virtualService: { readonly namespace: string; readonly name: string };
  /** As the VirtualService writes it; a short name is looked up in the VirtualService's namespace. */
  readonly host: string;
  readonly from: readonly string[];
  readonly to: string;
}

/** Route weights by subset. Istio spreads requests by them exactly, so nothing has to be computed from backends. */
export type Split = Readonly<Record<string, number>>;

/** What one look at a subset route found. */
export interface SubsetObservation {
  readonly route: SubsetRoute;
  /** The VirtualService; null where there is none yet. */
  readonly carrier: SplitCarrier | null;
  /** Every subset of the route, `from` first. */
  readonly subsets: readonly SubsetReading[];
}

export interface SplitCarrier {
  /** The weights of the http route that leads to the host; null where it names no subsets, so that all get the same. */
  readonly split: Split | null;
  /** Why there is no one http route whose weights could be written; null where there is. */
  readonly problem: string | null;
  /** The highest record revision that wrote this object, null where none did. */
  readonly fence: number | null;
  /** Who wrote the routes last, from managedFields. */
  readonly writtenBy: string | null;
}

export interface SubsetReading {
  readonly name: string;
  /** A DestinationRule of the host defines it; without, a request that is routed to it fails. */
  readonly isDefined: boolean;
  /** The host's Service in each cluster that has it, narrowed to the pods of this subset; null where a cluster gives no answer. */
  readonly services: readonly ServiceReading[] | null;
}

/** The split as it is at the mesh, and the share it gives. */
export interface AchievedSplit {
  readonly virtualService: string;
  readonly host: string;
  readonly weights: Split;
  /** Per cent of the requests to `from` and `to` together that go to `to`; null where they get none. */
  readonly share: number | null;
}

/** How a subset route is written in messages and claims: `mesh/namespace/name`. */
export function virtualServiceName({ mesh, virtualService }: SubsetRoute): string {
  return `${mesh}/${virtualService.namespace}/${virtualService.name}`;
}

/** Null where they could not be counted. */
export function podsOfSubset({ services }: SubsetReading): number | null {
  return services === null ? null : services.reduce((sum, { readyPods }) => sum + readyPods, 0);
}

/** Ready pods of all subsets that the traffic comes from: what can carry it when it goes back. Null: not countable. */
export function podsBehindFrom(observation: SubsetObservation): number | null {
  const counts = subsetsOf(observation, 'source').map(podsOfSubset);
  return counts.reduce((sum, pods) => (sum === null || pods === null ? null : sum + pods), 0);
}

/** The subsets of one side: those that the traffic comes from, or the one that it goes to. */
export function subsetsOf({ route, subsets }: SubsetObservation, side: Side): readonly SubsetReading[] {
  return subsets.filter(({ name }) => (side === 'source' ? route.from.includes(name) : name === route.to));
}
