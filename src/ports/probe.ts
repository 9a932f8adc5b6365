import type { ServiceReading } from '../domain/observation.ts';
import type { ProbeSpec } from '../domain/spec.ts';

export interface ProbeResult {
  readonly isOk: boolean;
  /** What came back, in a few words: `200 in 12 ms`, `503`, `no ready endpoint`. */
  readonly detail: string;
}

/** Asks one ready endpoint of each of the Services. Never throws: no answer is an answer. */
export interface Probe {
  ask(probe: ProbeSpec, services: readonly ServiceReading[]): Promise<ProbeResult>;
}
