/** Time of this machine: for time-outs and waiting. Times that processes compare come from the store (rule 7). */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after so many milliseconds. */
  sleep(ms: number): Promise<void>;
}
