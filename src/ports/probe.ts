import type { ServiceReading } from '../domain/observation.ts';
import type { PathAnswer, PathSpec } from '../domain/parity.ts';
import type { ProbeSpec } from '../domain/spec.ts';

export interface ProbeResult {
  readonly isOk: boolean;
  /** What came back, in a few words: `200 in 12 ms`, `503`, `no ready endpoint`. */
  readonly detail: string;
  /** How long the answer took, of several Services the longest; absent where one of them gave none. */
  readonly ms?: number;
}

/** One request at the address of a load balancer, as clients send it. */
export interface EntryQuestion {
  readonly loadBalancer: string;
  /** '' where it is not told. */
  readonly address: string;
  /** Of the listener. */
  readonly port: number;
  readonly isTls: boolean;
  readonly host: string;
  readonly path: string;
  /** What a good answer says; null: any status below 500. */
  readonly status: number | null;
  readonly timeoutMs: number;
}

export interface EntryReply {
  /** Null where nothing was asked. */
  readonly isOk: boolean | null;
  readonly detail: string;
}

/** Asks the pods of a side themselves, and the entries in front of them. Never throws: no answer is an answer. */
export interface Probe {
  /** Asks one ready endpoint of each of the Services: that of the turn, or by the time. */
  ask(probe: ProbeSpec, services: readonly ServiceReading[], turn?: number): Promise<ProbeResult>;
  /** What one ready endpoint of the Service answers to one path; the next one at the next turn. Follows no redirect. */
  request(path: PathSpec, service: ServiceReading, turn: number): Promise<PathAnswer>;
  /** What a listener of a load balancer answers. */
  enter(question: EntryQuestion): Promise<EntryReply>;
}
