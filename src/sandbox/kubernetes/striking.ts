import type { ServerResponse } from 'node:http';
import type { SandboxClock } from '../clock.ts';
import type { FaultPlace, Faults } from '../faults.ts';

export interface StrikeOptions {
  readonly place: FaultPlace;
  readonly clock: SandboxClock;
  readonly faults: Faults;
}

const delayMsDefault = 1_000;
/** How long a stall without a length holds a request: longer than any client waits. */
const stallMsDefault = 3_600_000;
/** Longer waits would overflow a timer, which then fires at once. */
const heldMsMax = 86_400_000;

/**
 * Lets the fault that strikes this request happen. `taken` when the request has come to its end (its connection is
 * gone), a status when it must be answered with that error, null when it goes on.
 */
export async function struck(
  { place, clock, faults }: StrikeOptions,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<'taken' | { readonly status: number } | null> {
  const fault = faults.strike(place, ['error', 'delay', 'drop', 'stall']);
  if (fault === null) return null;
  switch (fault.kind) {
    case 'error':
      return { status: fault.status ?? 500 };
    case 'delay':
      await clock.sleep(Math.min(fault.forMs ?? delayMsDefault, heldMsMax), signal);
      return null;
    case 'stall':
      await clock.sleep(Math.min(fault.forMs ?? stallMsDefault, heldMsMax), signal);
      break;
    default:
  }
  response.destroy();
  return 'taken';
}
