/** Where a request or connection comes from: what the hashing schedulers and persistence go by. */
export interface Client {
  readonly address: string;
  readonly port: number;
}

/** Decides over a fixed set of items who serves next. Null where there is none. */
export interface Scheduler<T> {
  next(client: Client): T | null;
  /** Another one, where the one that was chosen could not be reached; the choices after it are not disturbed. */
  insteadOf(isRefused: (item: T) => boolean, client: Client): T | null;
}
