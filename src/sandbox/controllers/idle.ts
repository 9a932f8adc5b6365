import { setTimeout as wait } from 'node:timers/promises';
import type { WorkQueue } from './work-queue.ts';

export interface Controller {
  /**
   * Resolves when the queue is empty and all that the API server has was reconciled. An object that keeps failing
   * keeps it waiting. @throws when the controller is stopped or its API server cannot be reached
   */
  idle(): Promise<void>;
  /** Ends every watch and waits for the runs under way. */
  stop(): Promise<void>;
}

const lookAgainMs = 10;

/** Waits for an empty queue with caches that equal the API server, and for what `settled` waits for. */
export async function idle(
  mirrors: readonly { isCurrent(): Promise<boolean> }[],
  queue: WorkQueue,
  settled: () => Promise<void>,
): Promise<void> {
  while (!queue.isStopped) {
    while (!queue.isEmpty()) await queue.nextEnd();
    await settled();
    const current = await Promise.all(mirrors.map((mirror) => mirror.isCurrent()));
    if (current.every(Boolean) && queue.isEmpty()) return;
    // The watch has not brought it yet.
    await wait(lookAgainMs);
  }
  throw new Error('the controller was stopped');
}
