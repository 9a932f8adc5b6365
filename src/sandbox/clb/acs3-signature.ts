import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** What of a request is signed. `query` holds the decoded parameters, `headers` have lower-case names. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Acs3Authorization {
  readonly accessKeyId: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const algorithm = 'ACS3-HMAC-SHA256';

/** The parts of an `authorization` header, or null where it is none of this algorithm. */
export function parseAuthorization(header: string): Acs3Authorization | null {
  const match =
    /^ACS3-HMAC-SHA256 Credential=([^,]{1,128}),\s*SignedHeaders=([^,]{1,1024}),\s*Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  const [, accessKeyId, signedHeaders, signature] = match ?? [];
  if (accessKeyId === undefined || signedHeaders === undefined || signature === undefined) return null;
  return { accessKeyId, signedHeaders: signedHeaders.split(';'), signature };
}

/**
 * The text whose HMAC is the signature; the vendor's error message quotes it. The query is encoded anew and sorted, so
 * it does not matter how the client wrote it.
 *
 * @source the V3 request structure and signature of Alibaba Cloud OpenAPI; checked against @alicloud/openapi-core 1.0.8
 */
export function stringToSign(request: SignedRequest, signedHeaders: readonly string[]): string {
  const query = [...request.query]
    .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map(([name, value]) => `${name}=${encode(value)}`)
    .join('&');
  const headers = signedHeaders.map((name) => `${name}:${(request.headers[name] ?? '').trim()}\n`).join('');
  const path = request.path.replaceAll('+', '%20').replaceAll('*', '%2A').replaceAll('%7E', '~');
  const canonical = [
    request.method,
    path,
    query,
    headers,
    signedHeaders.join(';'),
    request.headers['x-acs-content-sha256'] ?? '',
  ].join('\n');
  return `${algorithm}\n${sha256(canonical)}`;
}

export function isSignedBy(accessKeySecret: string, text: string, signature: string): boolean {
  const expected = createHmac('sha256', accessKeySecret).update(text).digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function encode(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
