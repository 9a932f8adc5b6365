import type { Invocation, Refusal } from './invocation.ts';

const eventsMax = 10_000;
const taskIdsMax = 100_000;
const taskIdsKeptMs = 7 * 86_400_000;
const throttledForMaxMs = 5 * 3_600_000;

export interface QueuedEvent {
  readonly invocation: Invocation;
  readonly dueMs: number;
  /** Times the event was due and found no instance; decides the next backoff. */
  readonly throttled: number;
}

/**
 * Asynchronous events that wait for their delay, their retry or a free instance. Pure: the caller says what time it is.
 *
 * @source asynchronous-invocation, retry-policy, task-deduplication 2026 (reference A6)
 */
export class AsyncQueue {
  #events: QueuedEvent[] = [];
  readonly #taskIds = new Map<string, number>();

  sizeOf(functionName: string): number {
    return this.#events.filter(({ invocation }) => invocation.functionName === functionName).length;
  }

  /** Takes a task id for its function, or says why not; ids are kept for seven days, the oldest go first. */
  claimTaskId(functionName: string, taskId: string, nowMs: number): Refusal | null {
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/.test(taskId)) {
      return { status: 400, code: 'InvalidArgument', message: `invalid async task id '${taskId.slice(0, 128)}'` };
    }
    const key = `${functionName}/${taskId}`;
    const takenAtMs = this.#taskIds.get(key);
    if (takenAtMs !== undefined && takenAtMs > nowMs - taskIdsKeptMs) {
      return { status: 409, code: 'AsyncTaskAlreadyExists', message: `async task '${taskId}' already exists` };
    }
    this.#taskIds.delete(key);
    this.#taskIds.set(key, nowMs);
    if (this.#taskIds.size > taskIdsMax) {
      for (const oldest of this.#taskIds.keys()) {
        this.#taskIds.delete(oldest);
        break;
      }
    }
    return null;
  }

  get isFull(): boolean {
    return this.#events.length >= eventsMax;
  }

  /** Keeps an event. Only new ones are asked to mind `isFull`: a retry was counted already and must not get lost. */
  add(event: QueuedEvent): void {
    this.#events.push(event);
  }

  /** Takes out what is due, the earliest first. */
  takeDue(nowMs: number): readonly QueuedEvent[] {
    const due = this.#events.filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs);
    if (due.length > 0) this.#events = this.#events.filter(({ dueMs }) => dueMs > nowMs);
    return due;
  }

  nextDueMs(): number | null {
    return this.#events.reduce<number | null>(
      (least, { dueMs }) => (least === null || dueMs < least ? dueMs : least),
      null,
    );
  }
}

/** The wait before a function error is tried again: 1 s, doubled, at most a minute. */
export function retryDelayMs(attempt: number): number {
  return Math.min(60_000, 1000 * 2 ** (attempt - 1));
}

/** The wait of an event that found no instance: 0.5 s, doubled, or null when it was tried for five hours. */
export function throttleDelayMs(throttled: number, waitedMs: number): number | null {
  return waitedMs > throttledForMaxMs ? null : Math.min(60_000, 500 * 2 ** Math.min(throttled, 10));
}
