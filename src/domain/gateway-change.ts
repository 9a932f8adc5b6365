import type { Route } from './spec.ts';
import { sideName } from './spec.ts';

/** Digests of those fields of an IstioGateway that restart its pods, by their paths; a field that is not there has none. */
export type FieldDigests = Readonly<Record<string, string>>;

/** A change of such fields that was seen, in words. */
export interface GatewayChange {
  readonly text: string;
  readonly atMs: number;
}

/** The mesh copies a change to its Deployments within seconds (reference C3); by then they tell of it themselves. */
const copiedWithinMs = 30_000;

/** By the routes' targets; null where one is no IstioGateway, or was not read. */
export type GatewayFields = readonly (FieldDigests | null)[];

/** What differs from what was seen before, in words; null where nothing does, or nothing was seen before. */
export function gatewayChange(routes: readonly Route[], before: GatewayFields, now: GatewayFields): string | null {
  for (const [index, { target }] of routes.entries()) {
    const [old, fresh] = [before[index] ?? null, now[index] ?? null];
    if (old === null || fresh === null) continue;
    const paths = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].filter(
      (path) => old[path] !== fresh[path],
    );
    if (paths.length > 0) {
      return `IstioGateway ${sideName(target)} was changed in ${paths.slice(0, 5).join(', ')}, which restarts its pods`;
    }
  }
  return null;
}

/** Whether a change that was seen may still be on its way to the Deployments. */
export function isOnItsWay({ atMs }: GatewayChange, nowMs: number): boolean {
  return nowMs - atMs < copiedWithinMs;
}

/** What is known of the fields after a look: what could not be read now is as it was. */
export function knownFields(before: GatewayFields, now: GatewayFields): GatewayFields {
  return now.map((one, index) => one ?? before[index] ?? null);
}
