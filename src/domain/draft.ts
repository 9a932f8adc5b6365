import type { Route, Spec } from './spec.ts';

/** A migration file after parsing: everything but the routes, which the short form leaves to discovery. */
export interface Draft extends Omit<Spec, 'routes'> {
  readonly routes: readonly Route[] | Pair;
}

/** The short form's two gateways; a null cluster or mesh is the installation's first. */
export interface Pair {
  readonly source: { readonly cluster: string | null; readonly namespace: string; readonly name: string };
  readonly target: { readonly mesh: string | null; readonly namespace: string; readonly name: string };
}

export function isPair(routes: Draft['routes']): routes is Pair {
  return !Array.isArray(routes);
}
