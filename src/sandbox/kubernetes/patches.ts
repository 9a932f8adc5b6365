import { ApiError, badRequest } from './api-error.ts';
import { isEqual, isList, isObject, type Json } from './json.ts';

/** RFC 7386: null takes a field away, objects merge, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const fields = new Map<string, Json>(Object.entries(isObject(target) ? target : {}) as [string, Json][]);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) fields.delete(key);
    else fields.set(key, mergePatch(fields.get(key), value));
  }
  return Object.fromEntries(fields);
}

/** The limit of the API server (apiserver/pkg/endpoints/handlers/patch.go, maxJSONPatchOperations). */
const operationsMax = 10_000;

/** RFC 6902 over `target`. A failed `test` or a missing path is a 422, a malformed patch a 400. */
export function jsonPatch(target: Json, patch: Json): Json {
  if (!isList(patch)) throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []');
  if (patch.length > operationsMax) {
    const message = `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${patch.length}`;
    throw new ApiError(413, 'RequestEntityTooLarge', message);
  }
  return patch.reduce<Json>((document, operation) => applyOperation(document, operation), target);
}

function applyOperation(document: Json, operation: Json): Json {
  if (!isObject(operation) || typeof operation['op'] !== 'string' || typeof operation['path'] !== 'string') {
    throw badRequest('error decoding patch: an operation needs the texts op and path');
  }
  const { op } = operation;
  const path = pointer(operation['path']);
  const value = operation['value'];
  if (['add', 'replace', 'test'].includes(op) && value === undefined) {
    throw badRequest(`error decoding patch: ${op} operation needs a value`);
  }
  if (op === 'add') return add(document, path, value as Json);
  if (op === 'remove') return remove(document, path);
  if (op === 'replace') return add(remove(document, path), path, value as Json);
  if (op === 'test') return test(document, path, value as Json);
  if (op !== 'move' && op !== 'copy') throw badRequest(`error decoding patch: unknown operation ${op}`);
  if (typeof operation['from'] !== 'string') throw badRequest(`error decoding patch: ${op} operation needs from`);
  const from = pointer(operation['from']);
  const moved = read(document, from);
  return add(op === 'move' ? remove(document, from) : document, path, moved);
}

function pointer(text: string): readonly string[] {
  if (text === '') return [];
  if (!text.startsWith('/'))
    throw badRequest(`error decoding patch: the path ${JSON.stringify(text)} is not a pointer`);
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: Json, path: readonly string[]): Json {
  let here: Json | undefined = document;
  for (const part of path) {
    if (isList(here)) here = here[index(part, here.length - 1, path)];
    else here = isObject(here) && Object.hasOwn(here, part) ? here[part] : undefined;
    if (here === undefined) throw missing(path);
  }
  return here;
}

function test(document: Json, path: readonly string[], value: Json): Json {
  if (!isEqual(read(document, path), value)) throw refused(`testing value /${path.join('/')} failed: test failed`);
  return document;
}

function add(document: Json, path: readonly string[], value: Json): Json {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (isList(document)) {
    const at = head === '-' && rest.length === 0 ? document.length : index(head, document.length, path);
    if (rest.length === 0) return document.toSpliced(at, 0, value);
    return document.with(index(head, document.length - 1, path), add(document[at] as Json, rest, value));
  }
  if (!isObject(document)) throw missing(path);
  if (rest.length > 0 && !Object.hasOwn(document, head)) throw missing(path);
  const fields = new Map(Object.entries(document));
  fields.set(head, rest.length === 0 ? value : add(document[head] as Json, rest, value));
  return Object.fromEntries(fields);
}

function remove(document: Json, path: readonly string[]): Json {
  const [head, ...rest] = path;
  // Taking the whole document away leaves nothing to be an object; `replace` of the root goes through here too.
  if (head === undefined) return null;
  if (isList(document)) {
    const at = index(head, document.length - 1, path);
    return rest.length === 0 ? document.toSpliced(at, 1) : document.with(at, remove(document[at] as Json, rest));
  }
  if (!isObject(document) || !Object.hasOwn(document, head)) throw missing(path);
  const fields = new Map(Object.entries(document));
  if (rest.length === 0) fields.delete(head);
  else fields.set(head, remove(document[head] as Json, rest));
  return Object.fromEntries(fields);
}

function index(part: string, max: number, path: readonly string[]): number {
  const at = /^(0|[1-9]\d{0,8})$/.test(part) ? Number(part) : -1;
  if (at < 0 || at > max) throw missing(path);
  return at;
}

function missing(path: readonly string[]): ApiError {
  return refused(`the path /${path.join('/')} does not exist: missing value`);
}

function refused(why: string): ApiError {
  const message = 'the server rejected our request due to an error in our request';
  return new ApiError(422, 'Invalid', message, { causes: [{ reason: 'UnexpectedServerResponse', message: why }] });
}
