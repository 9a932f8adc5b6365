import type { SandboxClock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import { ClbError } from './errors.ts';
import { errorOfFault } from './fault-errors.ts';
import type { ClbModel } from './model.ts';

/** One call of the CLB API; resolves with the answer's body, rejects with a ClbError. */
export type ClbClient = (action: string, params: Record<string, string>) => Promise<unknown>;

export interface ClbClientOptions {
  readonly model: ClbModel;
  readonly clock: SandboxClock;
  readonly faults: Faults;
}

/**
 * The way in for the sandbox's own cloud controller, without HTTP and signature but with the same faults as the
 * OpenAPI. RegionId is the model's where it is not named. A connection that broke has status 0.
 */
export function clbClient({ model, clock, faults }: ClbClientOptions): ClbClient {
  return async (action, params) => {
    const fault = faults.strike('clb', ['error', 'delay', 'drop', 'stall']);
    if (fault?.kind === 'error') throw errorOfFault(fault);
    if (fault?.kind === 'drop') throw new ClbError(0, 'ECONNRESET', 'socket hang up');
    if (fault?.kind === 'stall' || fault?.kind === 'delay') await clock.sleep(fault.forMs ?? defaultHoldMs[fault.kind]);
    if (fault?.kind === 'stall') throw new ClbError(0, 'ECONNRESET', 'socket hang up');
    const { status, body } = model.call(action, { RegionId: model.regionId, ...params }, clock.now());
    if (status === 200) return body;
    throw new ClbError(status, String(body['Code']), String(body['Message']));
  };
}

/** How long a fault without `forMs` holds a request up, in sandbox time. */
export const defaultHoldMs = { delay: 1000, stall: 30_000 } as const;
