import type { Policy } from '../ram.ts';
import { isSignedBy, parseAuthorization, type SignedRequest, sha256, stringToSign } from './acs3-signature.ts';
import { ClbError } from './errors.ts';

/** A key pair that may call; with a security token it is a temporary one. `expiresAtMs` is in sandbox time. */
export interface Credential {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
  readonly expiresAtMs?: number;
  /** What it may do; everything where nothing is said. */
  readonly policy?: Policy;
}

const nonceKeptMs = 15 * 60_000;
const noncesMax = 20_000;
/** Headers that a signature has to cover, or they could be changed on the way. */
const mustBeSigned = [
  'host',
  'x-acs-action',
  'x-acs-version',
  'x-acs-date',
  'x-acs-signature-nonce',
  'x-acs-content-sha256',
];

/** Who calls, in the vendor's order of questions: key, token, date, content, signature, nonce. */
export class Authentication {
  readonly #credentials: readonly Credential[];
  /** Nonce -> when it may be forgotten, in wall time; insertion order is age. */
  readonly #nonces = new Map<string, number>();

  constructor(credentials: readonly Credential[]) {
    this.#credentials = credentials;
  }

  /**
   * Whose request it is, where it is signed as it must be. `sandboxNow` decides about expired tokens, `wallNow`
   * about the request's date: clients sign with the machine's clock, however fast the sandbox runs.
   *
   * @throws ClbError with the vendor's code
   */
  check(request: SignedRequest, sandboxNow: number, wallNow: number): Credential {
    const authorization = parseAuthorization(request.headers['authorization'] ?? '');
    if (authorization === null)
      throw new ClbError(400, 'MissingAccessKeyId', 'AccessKeyId is mandatory for this action.');
    const credential = this.#credentials.find((one) => one.accessKeyId === authorization.accessKeyId);
    if (credential === undefined) {
      throw new ClbError(404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.');
    }
    checkToken(request, credential, sandboxNow);
    checkDate(request, wallNow);
    const text = stringToSign(request, authorization.signedHeaders);
    const covers = mustBeSigned.every((name) => authorization.signedHeaders.includes(name));
    const isWhole = sha256(request.body) === request.headers['x-acs-content-sha256'];
    if (!covers || !isWhole || !isSignedBy(credential.accessKeySecret, text, authorization.signature)) {
      throw new ClbError(
        400,
        'SignatureDoesNotMatch',
        `Specified signature is not matched with our calculation. server string to sign is:${text}`,
      );
    }
    this.#useNonce(request.headers['x-acs-signature-nonce'] ?? '', wallNow);
    return credential;
  }

  #useNonce(nonce: string, now: number): void {
    for (const [old, until] of this.#nonces) {
      if (until > now && this.#nonces.size < noncesMax) break;
      this.#nonces.delete(old);
    }
    if (nonce === '' || this.#nonces.has(nonce)) {
      throw new ClbError(400, 'SignatureNonceUsed', 'Specified signature nonce was used already.');
    }
    this.#nonces.set(nonce, now + nonceKeptMs);
  }
}

function checkToken(request: SignedRequest, credential: Credential, now: number): void {
  if ((request.headers['x-acs-security-token'] ?? '') !== (credential.securityToken ?? '')) {
    throw new ClbError(
      400,
      'InvalidSecurityToken.MismatchWithAccessKey',
      'Specified SecurityToken mismatch with the AccessKey.',
    );
  }
  if (credential.expiresAtMs !== undefined && now >= credential.expiresAtMs) {
    throw new ClbError(400, 'InvalidSecurityToken.Expired', 'Specified SecurityToken is expired.');
  }
}

function checkDate(request: SignedRequest, now: number): void {
  const date = Date.parse(request.headers['x-acs-date'] ?? '');
  if (Number.isNaN(date)) {
    throw new ClbError(400, 'InvalidTimeStamp.Format', 'Specified time stamp or date value is not well formatted.');
  }
  if (Math.abs(now - date) > nonceKeptMs) {
    throw new ClbError(400, 'InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.');
  }
}
