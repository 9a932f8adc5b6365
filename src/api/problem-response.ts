import { jsonLine } from '../domain/plain-text.ts';
import {
  ConflictError,
  FencedError,
  type InputProblem,
  InvalidInputError,
  NotAllowedError,
  NotFoundError,
  TerminalError,
  TransientError,
  UnreadableRecordError,
} from '../ports/errors.ts';
import { type ApiResponse, json } from './http.ts';

/** Retry-After where the cause did not say when. */
const retryAfterS = 5;

/** What an answer that is no success says (RFC 9457); `type` is a stable name for programs. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly problems?: readonly InputProblem[];
  readonly state?: string;
  readonly allowedIn?: readonly string[];
}

/** Ends a request with a problem; thrown and caught within the API only. */
export class RequestRefused extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail);
    this.name = 'RequestRefused';
    this.problem = problem;
    this.headers = headers;
  }
}

function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const { code, ...rest } = problem;
  return json(
    problem.status,
    { type: `urn:sluice:problem:${code}`, ...rest },
    { 'content-type': 'application/problem+json; charset=utf-8', ...headers },
  );
}

/**
 * The answer to whatever went wrong. The class of the error decides; an unknown one is logged under an id and told
 * nothing of.
 */
export function answerToError(error: unknown, newId: () => string): ApiResponse {
  if (error instanceof RequestRefused) return problemResponse(error.problem, error.headers);
  if (error instanceof TransientError) {
    const seconds = error.retryAfterMs === null ? retryAfterS : Math.ceil(error.retryAfterMs / 1000);
    const problem = { status: 503, code: error.code, title: 'Not available now', detail: error.message };
    return problemResponse(problem, { 'retry-after': String(Math.max(1, seconds)) });
  }
  const known = knownProblem(error);
  if (known !== null) return problemResponse(known);
  const id = newId();
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  console.error(jsonLine({ level: 'error', id, error: name, message, stack: stack?.slice(0, 4000) }));
  const detail = `Something went wrong on our side; the log has it as ${id}.`;
  return problemResponse({ status: 500, code: 'internal', title: 'Internal error', detail });
}

function knownProblem(error: unknown): Problem | null {
  if (error instanceof InvalidInputError) {
    const { problems } = error;
    const detail = problems.length === 1 ? 'There is one mistake.' : `There are ${problems.length} mistakes.`;
    return { status: 422, code: error.code, title: 'Invalid input', detail, problems };
  }
  if (error instanceof NotFoundError) return of(404, error.code, 'Not found', error);
  if (error instanceof NotAllowedError) {
    const { state, allowedIn } = error;
    return { ...of(409, error.code, 'Not allowed in this state', error), state, allowedIn };
  }
  if (error instanceof ConflictError) return of(409, error.code, 'Conflict', error);
  if (error instanceof FencedError) return of(409, error.code, 'Someone newer has written', error);
  if (error instanceof TerminalError) return of(502, error.code, 'Refused by what Sluice depends on', error);
  if (error instanceof UnreadableRecordError) return of(500, error.code, 'The stored record cannot be read', error);
  return null;
}

function of(status: number, code: string, title: string, error: Error): Problem {
  return { status, code, title, detail: error.message };
}
