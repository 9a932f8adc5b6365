/**
 * The stored state of a migration. Plain JSON: the machine's snapshot is opaque here, so that a store needs to know
 * nothing of the machine.
 */
export interface MigrationRecord {
  readonly schema: 1;
  /** Version of the machine that wrote the snapshot; older ones are upgraded when loaded. */
  readonly machineVersion: number;
  readonly name: string;
  readonly run: string;
  /** Grows by one with each commit; a write to a cluster carries it as fence. */
  readonly revision: number;
  readonly state: string;
  readonly isFinal: boolean;
  readonly createdAtMs: number;
  /** When it was last committed, by the store's clock: the heartbeat. */
  readonly updatedAtMs: number;
  readonly claims: readonly string[];
  readonly snapshot: unknown;
  readonly timers: readonly Timer[];
  readonly outbox: readonly Command[];
  /** The watchdog's claim on this record; absent where it never made one. */
  readonly rescue?: RescueClaim;
}

/** Made where no heartbeat came (rule 9). An engine that meets it only carries the rollback on. */
export interface RescueClaim {
  /** When the watchdog began, by the store's clock: its rollback is as old as this. */
  readonly atMs: number;
  readonly reason: string;
  /**
   * `left`: the run of the watchdog is over and the next one goes on; `met`: an engine is back and has taken the
   * rollback over.
   */
  readonly phase: 'restoring' | 'left' | 'restored' | 'met';
  /** Kinds of notices of which people were told, each once, over all runs of the watchdog. */
  readonly told: readonly string[];
}

/** A durable timer: the machine's own delayed event. */
export interface Timer {
  readonly id: string;
  readonly dueAtMs: number;
  readonly eventType: string;
}

/** An effect that was decided and is not yet acknowledged. */
export interface Command {
  /** `<name>/<run>/<revision>/<index>`: the same over all attempts. */
  readonly id: string;
  readonly effect: Effect;
  /** Of the commit that decided it: every writer of before has a lower one. */
  readonly revision: number;
  readonly createdAtMs: number;
  /** Not before this time; while an invocation carries it out, when another may take it over. */
  readonly dueAtMs: number;
  readonly attempts: number;
  /** What the last attempt is waiting for or failed with, for people. */
  readonly note: string | null;
}

/** The narrow view of an effect that records and stores have; the closed union is in state-machines/effects.ts. */
export interface Effect {
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** When the record wants to be looked at next, null when nothing is left to do. */
export function dueAtMs(record: MigrationRecord): number | null {
  const times = [...record.timers, ...record.outbox].map((one) => one.dueAtMs);
  return times.length === 0 ? null : Math.min(...times);
}
