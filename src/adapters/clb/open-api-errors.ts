import { ForbiddenError, messageOf, TerminalError, TransientError } from '../../ports/errors.ts';
import { type CloudCredentials, withoutSecrets } from './credentials.ts';

/** What the OpenAPI core throws: its own error classes carry a code and a status, the network's only a code. */
interface VendorError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly requestId?: unknown;
  readonly retryAfter?: unknown;
}

/** Refused now, welcome later (reference B2; the Terraform provider retries the same). */
const passing: ReadonlySet<string> = new Set([
  'Throttling',
  'ServiceIsConfiguring',
  'BackendServer.configuring',
  'VServerGroupProcessing',
  'OperationBusy',
  'ProcessingSameRequest',
  'ServiceIsStopping',
  'SystemBusy',
  'SignatureNonceUsed',
  'InternalError',
  'ServiceUnavailable',
]);

const network: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** What the vendor refused for good, with its code for the few that are an answer. */
export class RefusedError extends TerminalError {
  readonly vendorCode: string;
  constructor(message: string, vendorCode: string) {
    super(message);
    this.vendorCode = vendorCode;
  }
}

/** One call in words, and the RAM action that it takes. */
export interface Asked {
  readonly asked: string;
  readonly permission: string;
}

const systemBusyStatus = 449;

/** Whether an error's code is one of a connection that broke or could not be made: later it may be. */
export function isNetworkCode(code: string): boolean {
  return network.has(code);
}

function codeOf(error: unknown): string {
  const { code } = error as VendorError;
  return typeof code === 'string' ? code : '';
}

/** The token ran out between two invocations: fetch new credentials and ask once more (reference B2). */
export function isExpiredToken(error: unknown): boolean {
  return codeOf(error) === 'InvalidSecurityToken.Expired';
}

/**
 * The policy of a vendor's error. Messages name what was asked and the vendor's code; the URL of a network error and the
 * text of a signature error stay out, because they repeat headers and credentials (rule 11).
 */
export function translated(
  error: unknown,
  { asked, permission }: Asked,
  credentials: CloudCredentials,
): TransientError | TerminalError {
  if (error instanceof TransientError || error instanceof TerminalError) return error;
  if (error instanceof SyntaxError) return new TransientError(`${asked}: the answer is not JSON`);
  const { name, statusCode, requestId, retryAfter } = error as VendorError;
  const code = codeOf(error);
  if (name === 'RequestTimeoutError') return new TransientError(`${asked}: no answer in time`);
  if (isNetworkCode(code)) return new TransientError(`${asked}: ${code}`);
  const status = typeof statusCode === 'number' ? statusCode : 0;
  const request =
    typeof requestId === 'string' && requestId !== 'undefined' ? `, request ${requestId.slice(0, 64)}` : '';
  const isPassing = passing.has(code) || code.startsWith('Throttling.') || status >= 500 || status === systemBusyStatus;
  if (isPassing) {
    const retryAfterMs = typeof retryAfter === 'number' && retryAfter > 0 ? retryAfter : undefined;
    return new TransientError(
      `${asked}: ${code || `status ${status}`}${request}`,
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
  }
  const tellsHeaders = /Signature|AccessKey|SecurityToken/.test(code);
  const said = tellsHeaders || code === '' ? '' : `: ${withoutSecrets(messageOf(error), credentials)}`;
  const what = code || (typeof name === 'string' ? name : 'failed');
  if (/^(Forbidden|NoPermission)/.test(code)) {
    return new ForbiddenError(`${asked}: ${what}${said}${request}; missing permission: ${permission}`);
  }
  return new RefusedError(`${asked}: ${what}${said}${request}`, code);
}
