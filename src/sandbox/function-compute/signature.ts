import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Credentials } from './instance-context.ts';
import type { Refusal } from './invocation.ts';

const skewMsMax = 15 * 60_000;

/** The parts of a request that are signed. */
export interface SignedRequest {
  readonly method: string;
  /** As it stands in the request line, without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/**
 * The signature of the FC API: base64 HMAC-SHA256 over method, digest, type, date, the x-fc headers and the path.
 *
 * @source @alicloud/fc2 2.6.6 lib/helper.js composeStringToSign (reference B1)
 */
function signature(request: SignedRequest, accessKeySecret: string): string {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const canonical = Object.keys(request.headers)
    .filter((name) => name.startsWith('x-fc-'))
    .sort()
    .map((name) => `${name}:${header(name)}\n`)
    .join('');
  const head = [request.method, header('content-md5'), header('content-type'), header('date')].join('\n');
  return createHmac('sha256', accessKeySecret).update(`${head}\n${canonical}${request.path}`).digest('base64');
}

/**
 * Checks who signed a request. Error codes and messages are those of the service's error-code page.
 *
 * @param wallMs real time: a client signs with its own clock, which the sandbox's speed does not touch
 * @returns null when the signature is good
 */
export function checkSignature(request: SignedRequest, credentials: Credentials, wallMs: number): Refusal | null {
  const { authorization, date } = request.headers;
  if (!date) return missing('Date');
  if (!authorization) return missing('Authorization');
  const [, accessKeyId, given] = /^FC ([^:\s]+):(\S+)$/.exec(authorization) ?? [];
  if (accessKeyId !== credentials.accessKeyId || given === undefined) {
    return {
      status: 403,
      code: 'InvalidAccessKeyID',
      message: `invalid access key ID '${(accessKeyId ?? '').slice(0, 64)}'`,
    };
  }
  if (!(Math.abs(Date.parse(date) - wallMs) <= skewMsMax)) {
    return { status: 403, code: 'AccessDenied', message: 'the date of the request is more than 15 minutes away' };
  }
  if (String(request.headers['x-fc-security-token'] ?? '') !== (credentials.securityToken ?? '')) {
    return { status: 403, code: 'AccessDenied', message: 'the security token does not belong to the access key' };
  }
  if (!hasOwnDigest(request) || !equal(signature(request, credentials.accessKeySecret), given)) {
    const message =
      'The request signature we calculated does not match the signature you provided. Check your access key and signing method';
    return { status: 403, code: 'SignatureNotMatch', message };
  }
  return null;
}

function hasOwnDigest(request: SignedRequest): boolean {
  const given = request.headers['content-md5'];
  if (given === undefined) return true;
  const hex = createHash('md5').update(request.body).digest('hex');
  // The client sends base64 of the hex digest, not of the digest.
  return given === Buffer.from(hex).toString('base64');
}

function missing(header: string): Refusal {
  return { status: 400, code: 'MissingRequiredHeader', message: `required HTTP header ${header} was not specified` };
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
