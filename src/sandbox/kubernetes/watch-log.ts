import { ApiError, expired } from './api-error.ts';
import type { KubeObject } from './kube-object.ts';

/** A committed write. `before` is null for a new object, `after` is null for one that is gone. */
export interface Change {
  readonly revision: number;
  readonly plural: string;
  readonly before: KubeObject | null;
  readonly after: KubeObject | null;
  /** The object as a watcher sees it: for a deletion the last state with the deletion's resourceVersion. */
  readonly object: KubeObject;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

const listenersMax = 2_000;

/** The changes of one cluster, in order: a bounded history for watches that start in the past, and who listens now. */
export class WatchLog {
  #history: Change[] = [];
  #compactedRevision = 0;
  readonly #historyMax: number;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #pending: Change[] = [];
  #isDelivering = false;

  constructor(historyMax: number) {
    this.#historyMax = historyMax;
  }

  /**
   * Records a change and tells everybody. A listener that writes while it is told makes the next change wait until
   * all have heard this one, so every listener hears the same order.
   */
  append(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > this.#historyMax * 2) this.#compact(this.#history.length - this.#historyMax);
    this.#pending.push(change);
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
        for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener(next);
      }
    } finally {
      this.#isDelivering = false;
    }
  }

  /** The changes after `revision`. @throws ApiError 410 when they are no longer kept */
  since(revision: number): readonly Change[] {
    this.refuseCompacted(revision);
    return this.#history.filter((change) => change.revision > revision);
  }

  refuseCompacted(revision: number): void {
    if (revision >= this.#compactedRevision) return;
    throw expired(`too old resource version: ${revision} (${this.#compactedRevision})`);
  }

  /** Forgets the history, as etcd's compaction does: every watch from before now is answered with 410. */
  compact(): void {
    this.#compact(this.#history.length);
  }

  listen(listener: (change: Change) => void): () => void {
    if (this.#listeners.size >= listenersMax) {
      throw new ApiError(429, 'TooManyRequests', `at most ${listenersMax} watches`, { retryAfterSeconds: 1 });
    }
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #compact(count: number): void {
    const dropped = this.#history.slice(0, count);
    this.#history = this.#history.slice(count);
    this.#compactedRevision = dropped.at(-1)?.revision ?? this.#compactedRevision;
  }
}

/** What a watcher with a selector sees: an object that begins or ceases to match is added or deleted for it. */
export function eventOf(change: Change, isSelected: (object: KubeObject) => boolean): WatchEvent | null {
  const was = change.before !== null && isSelected(change.before);
  const is = change.after !== null && isSelected(change.after);
  if (!was && !is) return null;
  return { type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', object: change.object };
}
