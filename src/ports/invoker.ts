/** Starts the function that goes on with one migration. */
export interface Invoker {
  /**
   * Asks for one more invocation for `name`, now or after `inMs` (below one hour). The same `id` twice is one invocation.
   * Losing it is safe: the tick finds all due work.
   */
  invoke(name: string, id: string, inMs: number): Promise<void>;
}
