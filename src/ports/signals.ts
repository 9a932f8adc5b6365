import type { Sample } from '../domain/verdict.ts';

/** Counted requests and errors of both sides. Judgement stays in the domain. */
export interface Signals {
  /** Keeps the samples of a migration; the same side, instance, load balancer and interval again is the same sample. */
  record(name: string, samples: readonly Sample[]): Promise<void>;
  /** Samples whose interval begins at `sinceMs` or later, at most 20,000, in the order of their intervals. */
  read(name: string, sinceMs: number): Promise<readonly Sample[]>;
}
