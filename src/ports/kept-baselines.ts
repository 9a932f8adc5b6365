import type { Baseline } from '../domain/baseline.ts';

/** What the watchdog, which has no memory of its own, notes on a kept baseline. */
export interface WatchMark {
  /** Since when the store gives no answer, by the watchdog's own clock; null while it does. */
  readonly storeLostSinceMs: number | null;
  /** The fence of the rescue that followed, so that each run goes on with the same one; null before it. */
  readonly fence: number | null;
  /** The migration has arrived: its target keeps the traffic, whatever happens to the store. */
  readonly isResting: boolean;
}

export const noMark: WatchMark = { storeLostSinceMs: null, fence: null, isResting: false };

export interface KeptWay {
  readonly name: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly baseline: Baseline;
  readonly mark: WatchMark;
  /** Of the object as it was read. */
  readonly version: string;
}

/** The ways back beside the source Services, as one that knows no names finds them. */
export interface KeptBaselines {
  /**
   * Every way back that is open, the newest of a name first, and what could not be read, in words.
   * @throws TransientError where nothing could be read, TerminalError where a cluster refuses
   */
  list(): Promise<{ readonly ways: readonly KeptWay[]; readonly problems: readonly string[] }>;
  /** @throws ConflictError where the object changed since it was listed, TransientError, TerminalError */
  mark(way: KeptWay, mark: WatchMark): Promise<void>;
}
