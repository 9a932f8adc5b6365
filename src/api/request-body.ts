import type * as v from 'valibot';
import type { Draft } from '../domain/draft.ts';
import { InvalidInputError, messageOf } from '../ports/errors.ts';
import { documentBytesMax } from './document.ts';
import type { ApiRequest } from './http.ts';
import { parseMigration } from './migration-file.ts';
import { RequestRefused } from './problem-response.ts';
import { check, formatPath, type PlacedProblem, problemsMax, toInputProblem } from './problems.ts';
import { repeatedKeys } from './repeated-keys.ts';

const jsonTypes = ['application/json'];
const formTypes = ['application/x-www-form-urlencoded'];
const yamlTypes = ['application/yaml', 'text/yaml', 'application/x-yaml'];

/**
 * The migration file in a body.
 * @throws RequestRefused 400, 413 or 415, InvalidInputError with every mistake
 */
export function readMigrationBody(request: ApiRequest): Draft {
  const type = requireType(request, [...yamlTypes, ...jsonTypes]);
  const text = readText(request);
  if (jsonTypes.includes(type)) readJson(text);
  try {
    // JSON is read as YAML too, of which it is a part: that reader knows the line of each value.
    return parseMigration(text);
  } catch (error) {
    if (error instanceof InvalidInputError && error.problems.every(({ path }) => path === '(syntax)')) {
      throw badRequest('The body cannot be read.', error.problems);
    }
    throw error;
  }
}

/** What a schema cannot say of a body: rules that need the time, over what could be read of it. */
export type FurtherRule = (partial: unknown) => readonly PlacedProblem[];

/**
 * A JSON body after a schema, and after a further rule; no body is the empty object.
 * @throws RequestRefused 400, 413 or 415, InvalidInputError with every mistake
 */
export function readJsonBody<Schema extends v.GenericSchema>(
  request: ApiRequest,
  schema: Schema,
  further: FurtherRule = () => [],
): v.InferOutput<Schema> {
  const isEmpty = request.body.length === 0;
  if (!isEmpty) requireType(request, jsonTypes);
  const text = isEmpty ? '{}' : readText(request);
  const value = readJson(text);
  const { output, partial, problems } = check(schema, value);
  const told = new Set(problems.map(({ path }) => formatPath(path)));
  const others = further(partial).filter(({ path }) => !told.has(formatPath(path)));
  const all = [...repeatedKeys(text), ...problems, ...others].slice(0, problemsMax);
  if (all.length > 0) throw new InvalidInputError(all.map(toInputProblem));
  return output as v.InferOutput<Schema>;
}

/**
 * What another product sends, JSON or the fields of a form, not checked yet.
 * @throws RequestRefused 400, 413 or 415
 */
export function readForeignBody(request: ApiRequest): unknown {
  const type = requireType(request, [...jsonTypes, ...formTypes]);
  const text = readText(request);
  return formTypes.includes(type) ? Object.fromEntries(new URLSearchParams(text)) : readJson(text);
}

export function badRequest(detail: string, problems: InvalidInputError['problems'] = []): RequestRefused {
  const list = problems.length === 0 ? {} : { problems };
  return new RequestRefused({ status: 400, code: 'bad-request', title: 'Bad request', detail, ...list });
}

function requireType(request: ApiRequest, types: readonly string[]): string {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (types.includes(type)) return type;
  const detail = `The body is ${type === '' ? 'of no named type' : `"${type.slice(0, 60)}"`}; send ${types.join(' or ')}.`;
  throw new RequestRefused({ status: 415, code: 'unsupported-type', title: 'Unsupported type of body', detail });
}

function readText(request: ApiRequest): string {
  if (request.body.length > documentBytesMax) {
    const detail = `The body is larger than ${documentBytesMax / 1024} KB.`;
    throw new RequestRefused({ status: 413, code: 'too-large', title: 'Body too large', detail });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  } catch (error) {
    if (error instanceof TypeError) throw badRequest('The body is not UTF-8.');
    throw error;
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's message quotes the place, and the body is the caller's own.
    throw badRequest(`The body is not valid JSON: ${messageOf(error).slice(0, 200)}`);
  }
}
