import { authenticate } from './auth.ts';
import type { ApiRequest, ApiResponse } from './http.ts';
import type { ApiDependencies, Operation } from './operation.ts';
import { operations } from './operations.ts';
import { answerToError, RequestRefused } from './problem-response.ts';
import { badRequest } from './request-body.ts';
import { namePattern } from './values.ts';

export type { ApiRequest, ApiResponse } from './http.ts';
export type { ApiDependencies } from './operation.ts';

/** Answers one request of the HTTP API (design section 5). Never throws: an error is an answer. */
export async function handleRequest(dependencies: ApiDependencies, request: ApiRequest): Promise<ApiResponse> {
  try {
    const { operation, name } = route(request);
    const presented = operation.isTokenInQuery ? withTokenOfQuery(request) : request;
    const caller = authenticate(dependencies.config.tokens, presented, operation.access);
    refuseUnknownQuery(request, operation);
    const response = await operation.carryOut({ dependencies, request, name, caller });
    return request.method === 'HEAD' ? { ...response, body: '' } : response;
  } catch (error) {
    const response = answerToError(error, dependencies.newId);
    return request.method === 'HEAD' ? { ...response, body: '' } : response;
  }
}

/** A token in a header goes first; an empty header is none. */
function withTokenOfQuery(request: ApiRequest): ApiRequest {
  const token = request.query['token'];
  const authorization = request.headers['authorization'] ?? '';
  if (token === undefined || request.headers['x-sluice-token'] !== undefined || authorization !== '') return request;
  return { ...request, headers: { ...request.headers, 'x-sluice-token': token } };
}

/** @throws RequestRefused 404 where no operation has the path, 405 where none of them has the method */
function route(request: ApiRequest): { readonly operation: Operation; readonly name: string } {
  const found = operations.flatMap((operation) => {
    const name = match(operation.path, request.path);
    return name === null ? [] : [{ operation, name }];
  });
  if (found.length === 0) {
    throw new RequestRefused({ status: 404, code: 'not-found', title: 'Not found', detail: 'There is nothing here.' });
  }
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const chosen = found.find(({ operation }) => operation.method === method);
  if (chosen !== undefined) return chosen;
  const allowed = found.flatMap(({ operation }) => (operation.method === 'GET' ? ['GET', 'HEAD'] : [operation.method]));
  const detail = `This path takes ${allowed.join(', ')}.`;
  throw new RequestRefused(
    { status: 405, code: 'method-not-allowed', title: 'Method not allowed', detail },
    { allow: allowed.join(', ') },
  );
}

/** The name in the path, empty where the template has none; null where the path is another one. */
function match(template: string, path: string): string | null {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return null;
  let name = '';
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part !== '{name}' && part !== value) return null;
    // Names are plain words: one that would need decoding is the name of nothing.
    if (part === '{name}' && (value.length > 40 || !namePattern.test(value))) return null;
    if (part === '{name}') name = value;
  }
  return name;
}

function refuseUnknownQuery(request: ApiRequest, operation: Operation): void {
  const known = operation.query.map(({ name }) => name);
  const unknown = Object.keys(request.query).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const problems = unknown
    .slice(0, 20)
    .map((name) => ({ path: `?${name.slice(0, 60)}`, message: 'is not known here' }));
  throw badRequest(`The query parameters known here: ${known.join(', ') || 'none'}.`, problems);
}
