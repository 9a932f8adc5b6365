import type { Spec } from '../domain/spec.ts';
import type { Sample } from '../domain/verdict.ts';

/** Counted requests and errors of both sides. Judgement stays in the domain. */
export interface Signals {
  /** Keeps the samples of a migration; the same side, instance, load balancer and interval again is the same sample. */
  record(name: string, samples: readonly Sample[]): Promise<void>;
  /**
   * Samples whose interval begins at `sinceMs` or later, at most 20,000, in the order of their intervals: those that
   * programs pushed, or those of the source that is pulled from.
   */
  read(name: string, sinceMs: number, from?: PulledFrom): Promise<readonly Sample[]>;
}

/** A source of signals that is asked, whose gateways or subsets it is asked about, and whether for slow requests too. */
export interface PulledFrom {
  /** Its name in the installation's configuration. */
  readonly source: string;
  readonly spec: Pick<Spec, 'routes' | 'subsets'> & { readonly analysis: Pick<Spec['analysis'], 'latency'> };
}
