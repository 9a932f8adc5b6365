/**
 * What can go wrong at a port. The class is the policy: adapters translate their vendor's errors into these at their
 * own border, and the engine decides by class alone. Messages name what was attempted and what came back, no secrets.
 */
abstract class SluiceError extends Error {
  abstract readonly code: string;
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One mistake in what a person gave us. */
export interface InputProblem {
  /** Where: a path such as `spec.steps[1].share`, or a name of a variable. */
  readonly path: string;
  /** 1-based line in the file, where there is one. */
  readonly line?: number;
  readonly message: string;
}

/** A request, file or configuration is wrong; every mistake is listed. */
export class InvalidInputError extends SluiceError {
  readonly code = 'invalid-input';
  readonly problems: readonly InputProblem[];
  constructor(problems: readonly InputProblem[]) {
    super(problems.map(({ path, line, message }) => `${line ? `line ${line}: ` : ''}${path}: ${message}`).join('\n'));
    this.problems = problems;
  }
}

/** Time-out, throttling, 5xx, a broken connection: trying again later may help. */
export class TransientError extends SluiceError {
  readonly code = 'transient';
  readonly retryAfterMs: number | null;
  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Forbidden, not found, refused for good: trying again the same way will not help. */
export class TerminalError extends SluiceError {
  readonly code = 'terminal';
}

/** The credentials lack a right, which the message names: what it guards can neither be seen nor be ruled out. */
export class ForbiddenError extends TerminalError {}

/** Someone with a higher revision wrote the object: this writer's time is over. */
export class FencedError extends SluiceError {
  readonly code = 'fenced';
  readonly fence: number;
  constructor(message: string, fence: number) {
    super(message);
    this.fence = fence;
  }
}

/** Somebody who has no store brings back what the object is the way back of. */
export class RescuedError extends FencedError {}

/** Somebody else was faster, or holds what is asked for. */
export class ConflictError extends SluiceError {
  readonly code = 'conflict';
}

/** A stored record that this version cannot read; it is left as it is. */
export class UnreadableRecordError extends SluiceError {
  readonly code = 'unreadable-record';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class NotFoundError extends SluiceError {
  readonly code = 'not-found';
}

/** The state does not allow what was asked. */
export class NotAllowedError extends SluiceError {
  readonly code = 'not-allowed';
  readonly state: string;
  readonly allowedIn: readonly string[];
  /** @param why what stands against it now, where the state as such would allow it */
  constructor(what: string, state: string, allowedIn: readonly string[], why: string | null = null) {
    super(`cannot ${what} in state ${state}${why === null ? '' : `: ${why}`}; possible in: ${allowedIn.join(', ')}`);
    this.state = state;
    this.allowedIn = allowedIn;
  }
}
