import type { Json, JsonObject } from './json.ts';
import { qualifiedKind, qualifiedPlural, type ResourceType } from './resource-types.ts';

/** One field that an object has wrong. `reason` is a CauseType of apimachinery (FieldValueInvalid, ...). */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** The one error of the model and the server: a Status of `apimachinery/pkg/api/errors`, with its wording. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  readonly details: JsonObject;

  constructor(status: number, reason: string, message: string, details: JsonObject = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

export function statusBody(error: ApiError): JsonObject {
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: error.message };
  const details = Object.keys(error.details).length > 0 ? { details: error.details } : {};
  return { ...head, ...(error.reason === '' ? {} : { reason: error.reason }), ...details, code: error.status };
}

export function successBody(type: ResourceType, name: string, uid: string): JsonObject {
  const details = { ...named(type, name), uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

function named(type: ResourceType, name: string): JsonObject {
  return { ...(name === '' ? {} : { name }), ...(type.group === '' ? {} : { group: type.group }), kind: type.plural };
}

export function notFound(type: ResourceType, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualifiedPlural(type)} "${name}" not found`, named(type, name));
}

/** The answer for a path of a known group that names no resource. */
export function noSuchResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource');
}

export function alreadyExists(type: ResourceType, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualifiedPlural(type)} "${name}" already exists`, named(type, name));
}

const modified = 'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(type: ResourceType, name: string, why = modified): ApiError {
  const message = `Operation cannot be fulfilled on ${qualifiedPlural(type)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message, named(type, name));
}

/** The 422 of validation: one message over all causes, each with its field. */
export function invalid(type: ResourceType, name: string, causes: readonly Cause[]): ApiError {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`);
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const group = type.group === '' ? {} : { group: type.group };
  const details = { name, ...group, kind: type.kind, causes: causes as unknown as Json };
  return new ApiError(422, 'Invalid', `${qualifiedKind(type)} "${name}" is invalid: ${text}`, details);
}

/** A patch whose result is not an object of the kind: the API server names neither kind nor object here. */
export function invalidPatch(patched: string, why: string): ApiError {
  const message = `Invalid value: ${JSON.stringify(patched)}: ${why}`;
  const causes = [{ reason: 'FieldValueInvalid', message, field: 'patch' }];
  return new ApiError(422, 'Invalid', ` "" is invalid: patch: ${message}`, { causes });
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

export function forbidden(type: ResourceType, name: string, why: string): ApiError {
  const subject = name === '' ? qualifiedPlural(type) : `${qualifiedPlural(type)} "${name}"`;
  return new ApiError(403, 'Forbidden', `${subject} is forbidden: ${why}`, named(type, name));
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

export function tooLarge(limitBytes: number): ApiError {
  return new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`;
  return new ApiError(406, 'NotAcceptable', message);
}

const wordings: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'the server does not allow access to the requested resource'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  410: ['Expired', 'the provided resource version is too old'],
  429: ['TooManyRequests', 'Too many requests, please try again later.'],
  500: ['InternalError', 'Internal error occurred: etcdserver: request timed out'],
  502: ['', 'error trying to reach service: connection refused'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'Timeout: request did not complete within the allotted duration'],
};

/** The Status that a struck fault answers with. */
export function errorOfStatus(status: number): ApiError {
  const [reason, message] = wordings[status] ?? ['', `an error on the server (status ${status})`];
  return new ApiError(status, reason, message, status === 429 || status === 504 ? { retryAfterSeconds: 1 } : {});
}
