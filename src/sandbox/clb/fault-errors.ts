import type { Fault } from '../faults.ts';
import { ClbError } from './errors.ts';

/** What the vendor says with a status (reference B2); a fault names only the status. */
const wording: Readonly<Record<number, readonly [code: string, message: string]>> = {
  400: ['Throttling.User', 'Request was denied due to user flow control.'],
  403: ['Forbidden', 'User not authorized to operate on the specified resource.'],
  404: ['InvalidLoadBalancerId.NotFound', 'The specified LoadBalancerId does not exist.'],
  409: [
    'BackendServer.configuring',
    'A previous configuration of the load balancer is pending; please try again later.',
  ],
  429: ['Throttling.User', 'Request was denied due to user flow control.'],
  449: ['SystemBusy', 'The system is busy.'],
  500: ['InternalError', 'The request processing has failed due to backend service exception.'],
  503: ['ServiceUnavailable', 'The request has failed due to a temporary failure of the server now.'],
};

/** The answer of an `error` fault: its status (503 when absent), in the vendor's words. */
export function errorOfFault(fault: Fault): ClbError {
  const status = fault.status ?? 503;
  const [code, message] = wording[status] ?? ['InternalError', 'The request processing has failed.'];
  return new ClbError(status, code, message);
}
