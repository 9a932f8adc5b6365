import type { SandboxClock } from '../clock.ts';
import type { ClbClient } from './clb-calls.ts';

/** The longest that one write keeps its load balancer locked (reference, "Simulator parameters"). */
const busyMaxMs = 1_500;
const askAgainMs = 100;

/**
 * A client whose writes do not meet the lock of its own previous write. The vendor's API answers a write when it is
 * done; the model answers at once and stays locked for that time, so the time is waited out here. The lock of anybody
 * else's write is an error as ever.
 */
export function answersWhenDone(client: ClbClient, clock: SandboxClock): ClbClient {
  let lastWriteMs = Number.NEGATIVE_INFINITY;
  return async (action, params) => {
    const ownLockMs = lastWriteMs + busyMaxMs;
    for (;;) {
      const askedMs = clock.now();
      try {
        const answer = await client(action, params);
        if (isWrite(action)) lastWriteMs = clock.now();
        return answer;
      } catch (cause) {
        if (!isLocked(cause) || askedMs >= ownLockMs) throw cause;
        await clock.sleep(askAgainMs);
      }
    }
  };
}

function isWrite(action: string): boolean {
  return /^(Add|Remove|Set|Create|Start|Delete)/.test(action);
}

function isLocked(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'BackendServer.configuring';
}
