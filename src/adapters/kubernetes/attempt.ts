import { ConflictError, ForbiddenError, messageOf, TerminalError, TransientError } from '../../ports/errors.ts';

/** One request in words: what is wanted of which object, for error messages and for the permission it needs. */
export interface Attempt {
  readonly verb: 'get' | 'list' | 'patch' | 'create';
  /** Plural, as RBAC spells it: `services`. */
  readonly resource: string;
  /** Null for what has none: nodes. */
  readonly namespace: string | null;
  readonly name?: string;
}

/** Status of an answer that the generated client turned into an exception, null for anything else. */
export function statusOf(error: unknown): number | null {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return error instanceof Error && 'body' in error && typeof code === 'number' ? code : null;
}

/**
 * The policy of what a Kubernetes API answered. The generated client's exceptions print headers and whole bodies, so
 * nothing of them is passed on but the status and the message of a refusal (rule 11).
 */
export function translated(error: unknown, where: string, attempt: Attempt): Error {
  const asked = `${where}: ${inWords(attempt)}`;
  const status = statusOf(error);
  if (status !== null) return refusal(status, asked, attempt, statusMessage(error));
  if (error instanceof TransientError) {
    const { retryAfterMs } = error;
    return new TransientError(`${asked}: ${error.message}`, retryAfterMs === null ? {} : { retryAfterMs });
  }
  if (error instanceof ForbiddenError) return new ForbiddenError(`${asked}: ${error.message}`);
  if (error instanceof TerminalError) return new TerminalError(`${asked}: ${error.message}`);
  if (error instanceof SyntaxError) return new TransientError(`${asked}: the answer is not whole`);
  return new TerminalError(`${asked}: ${messageOf(error).slice(0, 200)}`);
}

function refusal(status: number, asked: string, attempt: Attempt, said: string): Error {
  switch (status) {
    case 401:
      return new TerminalError(`${asked}: the credentials of the kubeconfig are not accepted (401)`);
    case 403:
      return new ForbiddenError(`${asked}: forbidden (403); missing permission: ${permission(attempt)}`);
    case 404:
      return new TerminalError(`${asked}: not found (404)`);
    case 409:
      return new ConflictError(`${asked}: changed in between (409)`);
    case 410:
      return new TransientError(`${asked}: the list expired while it was read (410)`);
    default:
      return status === 429 || status >= 500
        ? new TransientError(`${asked}: status ${status}`)
        : new TerminalError(`${asked}: refused (${status})${said}`);
  }
}

function statusMessage(error: unknown): string {
  const { body } = error as { readonly body?: unknown };
  if (typeof body !== 'string') return '';
  try {
    const parsed: unknown = JSON.parse(body);
    const message = (parsed as { readonly message?: unknown } | null)?.message;
    return typeof message === 'string' ? `: ${message.slice(0, 300)}` : '';
  } catch {
    // Not a Status: the status code alone has to say it.
    return '';
  }
}

function inWords({ verb, resource, namespace, name }: Attempt): string {
  const object = [namespace, name].filter((part) => part !== null && part !== undefined).join('/');
  return `${verb} ${resource}${object === '' ? '' : ` ${object}`}`;
}

function permission({ verb, resource, namespace }: Attempt): string {
  return `${verb} ${resource} ${namespace === null ? 'in the cluster' : `in namespace ${namespace}`}`;
}
