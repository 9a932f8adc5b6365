import * as v from 'valibot';
import { problemSchema } from '../api/view-schema.ts';
import { messageOf } from '../ports/errors.ts';

/** Where the API is, and who asks. */
export interface Server {
  /** URL of the HTTP trigger, without a slash at the end. */
  readonly server: string;
  readonly token: string | null;
}

/** The API by its paths. Every method throws CannotReachError or RefusedError. */
export interface ApiClient {
  get<T>(path: string): Promise<T>;
  /** A text goes as YAML, null as no body, everything else as JSON. */
  post<T>(path: string, body: unknown): Promise<T>;
}

/** Nothing answered, or what answered is not Sluice or cannot work now. */
export class CannotReachError extends Error {
  override readonly name = 'CannotReachError';
}

/** The server understood and says no. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  readonly problem: v.InferOutput<typeof problemSchema>;
  constructor(status: number, problem: v.InferOutput<typeof problemSchema>) {
    super(problem.detail);
    this.status = status;
    this.problem = problem;
  }
}

/** Discovery asks two clusters before a start is answered, so this is longer than one look takes. */
const timeoutMs = 30_000;
/** What a proxy or the platform says, such as that a function took too long, is told so far. */
const saidMax = 120;
const answerBytesMax = 16 * 1024 * 1024;

export function apiClient(server: Server): ApiClient {
  return {
    get: async <T>(path: string) => (await ask(server, 'GET', path)) as T,
    post: async <T>(path: string, body: unknown) =>
      (await ask(server, 'POST', path, body === null ? undefined : bodyOf(body))) as T,
  };
}

function bodyOf(body: unknown): Body {
  if (typeof body === 'string') return { type: 'application/yaml', text: body };
  return { type: 'application/json', text: JSON.stringify(body) };
}

interface Body {
  readonly type: string;
  readonly text: string;
}

async function ask(server: Server, method: string, path: string, body?: Body): Promise<unknown> {
  const { status, text } = await exchange(server, method, path, body);
  const answer = parse(text);
  if (status >= 200 && status < 300 && answer !== null) return answer.value;
  const problem = v.safeParse(problemSchema, answer?.value);
  if (!problem.success) {
    throw new CannotReachError(
      `${server.server} answered ${status}, but not as Sluice does: ${text.slice(0, saidMax)}`,
    );
  }
  // 502: what Sluice depends on says no, and will say so again.
  if (status >= 500 && status !== 502)
    throw new CannotReachError(`${server.server} cannot answer now (${status}): ${problem.output.detail}`);
  throw new RefusedError(status, problem.output);
}

async function exchange(
  { server: url, token }: Server,
  method: string,
  path: string,
  body: Body | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        accept: 'application/json',
        'user-agent': 'sluice-cli',
        ...(token === null ? {} : { 'x-sluice-token': token }),
        ...(body === undefined ? {} : { 'content-type': body.type }),
      },
      ...(body === undefined ? {} : { body: body.text }),
    });
    const text = await response.text();
    if (text.length > answerBytesMax) throw new CannotReachError(`${url} answers more than 16 MB`);
    return { status: response.status, text };
  } catch (error) {
    if (error instanceof CannotReachError) throw error;
    throw new CannotReachError(`cannot reach ${url}: ${reasonOf(error)}`);
  }
}

/** fetch hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : messageOf(cause ?? error);
}

function parse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}
