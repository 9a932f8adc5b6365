/** What has been started and must be ended, the last first. */
export class Closing {
  readonly #ends: { readonly what: string; readonly end: () => Promise<unknown> }[] = [];
  #ended: Promise<void> | null = null;

  /** Remembers how something is ended; hands it back. */
  add<T>(what: string, started: T, end: (started: T) => Promise<unknown>): T {
    this.#ends.push({ what, end: () => end(started) });
    return started;
  }

  /**
   * Ends everything, each also when one before it failed; a second call waits for the first.
   *
   * @throws AggregateError of what could not be ended
   */
  end(): Promise<void> {
    this.#ended ??= this.#endAll();
    return this.#ended;
  }

  async #endAll(): Promise<void> {
    const failures: Error[] = [];
    for (const { what, end } of [...this.#ends].reverse()) {
      try {
        await end();
      } catch (cause) {
        failures.push(new Error(`${what} could not be ended`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('; '));
  }
}
