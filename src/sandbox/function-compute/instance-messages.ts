import type { ContextData } from './handler.ts';
import type { FunctionError } from './invocation.ts';

/** What the host tells an instance process; `number` comes back with the reply. */
export type ToInstance = {
  readonly kind: 'start' | 'run' | 'stop';
  readonly number: number;
  readonly event: Uint8Array;
  readonly context: ContextData;
};

/** What an instance process replies. */
export type FromInstance = { readonly number: number; readonly memoryMb: number } & (
  | { readonly kind: 'done'; readonly body: Uint8Array }
  | { readonly kind: 'failed'; readonly error: FunctionError }
);
