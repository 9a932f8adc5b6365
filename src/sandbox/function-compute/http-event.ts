import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Account } from './instance-context.ts';
import type { Refusal } from './invocation.ts';

/** What a function's return value makes of an HTTP answer. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const headerBytesMax = 8 * 1024;
const textTypes = /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded|x-ndjson|[\w.+-]+\+(json|xml)))/i;
const platformHeaders = /^(x-fc-|connection$|keep-alive$|content-length$|transfer-encoding$)/i;

/**
 * The event that an HTTP request becomes: header names in Title-Case, repeated values joined by commas, a body that is
 * not text in base64, the raw path beside the decoded one.
 *
 * @source devsapp/fc3 event template and http-trigger-invoking-function (reference A2)
 */
export function triggerEvent(request: IncomingMessage, body: Buffer, account: Account): Uint8Array {
  const url = new URL(request.url ?? '/', 'http://trigger');
  const isText = body.length === 0 || isTextType(request.headers['content-type']);
  const now = new Date();
  const domainName = String(request.headers.host ?? '');
  const event = {
    version: 'v1',
    rawPath: url.pathname,
    headers: titleCased(request),
    queryParameters: joined(url.searchParams),
    body: body.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
    requestContext: {
      accountId: account.accountId,
      domainName,
      domainPrefix: domainName.split('.', 1)[0],
      requestId: randomUUID(),
      time: now.toISOString().replace(/\.\d+Z$/, 'Z'),
      timeEpoch: String(now.getTime()),
      http: {
        method: request.method,
        path: decoded(url.pathname),
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: request.headers['user-agent'] ?? '',
      },
    },
  };
  return Buffer.from(JSON.stringify(event));
}

/**
 * The HTTP answer for what a function returned. Without `statusCode` the value itself is the body of a 200; an answer
 * that HTTP cannot carry is 502 BadResponse.
 */
export function responseOf(returned: Uint8Array): HttpAnswer | Refusal {
  const value = parsed(returned);
  if (value === null || !('statusCode' in value)) {
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: returned };
  }
  const statusCode = Number(value['statusCode']);
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) return bad('statusCode is not 200..599');
  const headers = answerHeaders(value['headers']);
  if (typeof headers === 'string') return bad(headers);
  const body = value['body'] ?? '';
  if (typeof body !== 'string') return bad('body is not a string');
  return { statusCode, headers, body: Buffer.from(body, value['isBase64Encoded'] === true ? 'base64' : 'utf8') };
}

function answerHeaders(given: unknown): Readonly<Record<string, string>> | string {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object') return 'headers is not an object';
  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(given)) {
    const text = Array.isArray(value) ? value.join(',') : String(value);
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
      return `header ${name} cannot be sent`;
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (!platformHeaders.test(name)) headers[name] = text;
  }
  return bytes > headerBytesMax ? 'the response headers exceed 8 KB' : headers;
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // Text that is no JSON is a body like any other.
    return null;
  }
}

function titleCased(request: IncomingMessage): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const title = name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
    headers[title] = Array.isArray(value) ? value.join(',') : (value ?? '');
  }
  return headers;
}

function joined(query: URLSearchParams): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const key of new Set(query.keys())) values[key] = query.getAll(key).join(',');
  return values;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // A stray per cent sign: the path is then what was sent.
    return path;
  }
}

function isTextType(type: string | undefined): boolean {
  return type === undefined || textTypes.test(type);
}

function bad(message: string): Refusal {
  return { status: 502, code: 'BadResponse', message };
}
