import type { FunctionSpec } from './function-spec.ts';
import type { ContextData } from './handler.ts';
import type { Outcome } from './invocation.ts';

/** One live place where a function's handler runs, one request at a time. */
export interface LiveInstance {
  /** Loads and initializes; the outcome is null when it went well. */
  start(context: ContextData): Promise<Outcome | null>;
  /** Runs the handler; never rejects, an instance that dies meanwhile is an outcome. */
  run(event: Uint8Array, context: ContextData): Promise<Outcome>;
  /** No code of the function runs from here to `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Ends it at once, in the middle of anything; a run under way gets `outcome`, or what is known of its exit. */
  kill(outcome: Outcome | null): void;
  /** Ends it in peace: preStop gets `graceMs` of wall time, then it is over. */
  stop(context: ContextData, graceMs: number): Promise<void>;
}

export interface InstanceOptions {
  readonly spec: FunctionSpec;
  readonly instanceId: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
  /** Told when an instance that runs nothing went away by itself. */
  readonly onGone: (outcome: Outcome) => void;
}

/** Makes instances of one kind: processes of their own (the sandbox) or this process (`sluice serve`). */
export type InstanceKind = (options: InstanceOptions) => LiveInstance;

/** What the platform says when the process of a run is gone. */
export function exitedUnexpectedly(durationMs: number, memoryMb: number): Outcome {
  const used = `(duration: ${Math.round(durationMs)}ms, maxMemoryUsage: ${memoryMb}MB)`;
  return gone(`Process exited unexpectedly before completing request ${used}`);
}

/** What the platform says when a run exceeded the function's timeout. */
export function timedOut(timeoutS: number): Outcome {
  return gone(`Function timed out after ${timeoutS} seconds`);
}

function gone(errorMessage: string): Outcome {
  return { kind: 'failed', errorType: 'UnhandledInvocationError', error: { errorMessage }, isGone: true };
}
