import { clbErrors } from './errors.ts';

/** Flow control of the account: how many calls of one action may come at once, and how many more each second. */
export interface CallLimit {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** A token bucket per action; the vendor publishes no numbers (reference B1), so they are given. */
export class Throttle {
  readonly #buckets = new Map<string, Bucket>();
  #limit: CallLimit | null;

  constructor(limit: CallLimit | null) {
    this.#limit = limit;
  }

  /** A new limit starts with full buckets; null ends the flow control. */
  set(limit: CallLimit | null): void {
    this.#limit = limit;
    this.#buckets.clear();
  }

  /** @throws ClbError Throttling.User where too many calls of this action came; such a call costs nothing */
  take(action: string, now: number): void {
    if (this.#limit === null) return;
    const { burst, perSecond } = this.#limit;
    const { tokens, atMs } = this.#buckets.get(action) ?? { tokens: burst, atMs: now };
    const present = Math.min(burst, tokens + (perSecond * (now - atMs)) / 1000);
    const isAllowed = present >= 1;
    this.#buckets.set(action, { tokens: isAllowed ? present - 1 : present, atMs: now });
    if (!isAllowed) throw clbErrors.throttled();
  }
}
