/** What the platform says of a function that failed; the body that a caller gets. */
export interface FunctionError {
  readonly errorMessage: string;
  readonly errorType?: string;
  readonly stackTrace?: readonly string[];
}

/** How one run of a handler ended. `isGone` says that its instance went with it. */
export type Outcome =
  | { readonly kind: 'ok'; readonly body: Uint8Array }
  | {
      readonly kind: 'failed';
      readonly errorType: 'HandledInvocationError' | 'UnhandledInvocationError';
      readonly error: FunctionError;
      readonly isGone: boolean;
    };

/** One request to run a function, with all its attempts. Times are sandbox milliseconds. */
export interface Invocation {
  readonly requestId: string;
  readonly functionName: string;
  readonly event: Uint8Array;
  readonly kind: 'sync' | 'async';
  readonly taskId: string | null;
  readonly acceptedAtMs: number;
  /** 1 for the first run. */
  readonly attempt: number;
}

/** A request that was not taken, in the words of the service. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What a fault does to one asynchronous event: it runs several times, later, or never (0 times). */
export interface Injection {
  readonly times: number;
  readonly lateMs: number;
}

/** What the model wants done; the host does it in processes, the simulator in virtual time. */
export type Decision =
  | { readonly kind: 'run'; readonly instanceId: string; readonly isCold: boolean; readonly invocation: Invocation }
  | { readonly kind: 'timeout'; readonly instanceId: string; readonly invocation: Invocation }
  | { readonly kind: 'freeze'; readonly instanceId: string }
  | { readonly kind: 'destroy'; readonly instanceId: string }
  | { readonly kind: 'answer'; readonly invocation: Invocation; readonly outcome: Outcome }
  | { readonly kind: 'discard'; readonly invocation: Invocation; readonly why: string };
