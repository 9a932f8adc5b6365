import type { MigrationView } from '../../domain/view.ts';

/** Requests of one side as the sandbox's data plane counted them. */
export interface SideCounters {
  readonly sinceStart: { readonly requests: number; readonly errors: number };
  readonly last10s: { readonly requests: number; readonly errors: number };
}

export interface Counters {
  readonly source: SideCounters;
  readonly target: SideCounters;
  /** Requests that no gateway answered. */
  readonly lost: { readonly sinceStart: number };
}

/** Everything that the demo shows at one moment. */
export interface Snapshot {
  /** Wall seconds since the migration was started. */
  readonly seconds: number;
  readonly view: MigrationView;
  readonly counters: Counters;
  /** What happened last, newest last: history lines and what the demo did. */
  readonly story: readonly string[];
}

/** Per cent of the last ten seconds' requests that a side failed, null where it had none. */
export function errorPerCent({ last10s }: SideCounters): number | null {
  return last10s.requests === 0 ? null : (last10s.errors / last10s.requests) * 100;
}

export function requestsServed({ source, target }: Counters): number {
  return source.sinceStart.requests + target.sinceStart.requests;
}

export function requestsFailed({ source, target }: Counters): number {
  return source.sinceStart.errors + target.sinceStart.errors;
}
