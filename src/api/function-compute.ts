import * as v from 'valibot';
import { InvalidInputError } from '../ports/errors.ts';
import type { ApiRequest, ApiResponse } from './http.ts';

/** The HTTP trigger's event and answer (reference, Function Compute A2). */

const eventSchema = v.object({
  rawPath: v.optional(v.string()),
  body: v.optional(v.nullable(v.string()), ''),
  isBase64Encoded: v.optional(v.boolean(), false),
  headers: v.optional(v.nullable(v.record(v.string(), v.string())), {}),
  queryParameters: v.optional(v.nullable(v.record(v.string(), v.string())), {}),
  requestContext: v.object({
    http: v.object({ method: v.string(), path: v.optional(v.string(), '/'), sourceIp: v.optional(v.string(), '') }),
  }),
});

export interface FunctionComputeAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly isBase64Encoded: false;
  readonly body: string;
}

/**
 * Reads the event; `event` is always a Buffer there.
 * @throws InvalidInputError where it is no event of an HTTP trigger
 */
export function toApiRequest(event: Buffer): ApiRequest {
  const result = v.safeParse(eventSchema, parse(event));
  if (!result.success) {
    const problems = result.issues.map((issue) => ({ path: v.getDotPath(issue) ?? '(event)', message: issue.message }));
    throw new InvalidInputError(problems);
  }
  const { rawPath, body, isBase64Encoded, headers, queryParameters, requestContext } = result.output;
  const { method, path, sourceIp } = requestContext.http;
  return {
    method: method.toUpperCase(),
    path: rawPath ?? path,
    query: { ...queryParameters },
    // They come in Title-Case, or as the client wrote them.
    headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'),
    sourceIp,
  };
}

/** Always with a statusCode: without one the platform takes the whole object for the body. */
export function toFunctionComputeAnswer({ status, headers, body }: ApiResponse): FunctionComputeAnswer {
  return { statusCode: status, headers, isBase64Encoded: false, body };
}

function parse(event: Buffer): unknown {
  try {
    return JSON.parse(event.toString('utf8'));
  } catch {
    throw new InvalidInputError([{ path: '(event)', message: 'is not JSON; this function takes HTTP triggers' }]);
  }
}
