import type { ContextData, Handler } from './handler.ts';
import { contextObject, functionError, loadHandler, resultBytes } from './handler.ts';
import { exitedUnexpectedly, type InstanceKind, type InstanceOptions, type LiveInstance } from './instance.ts';
import type { Outcome } from './invocation.ts';

/**
 * Instances inside this process, for hosting the functions without Function Compute. The environment of the functions
 * becomes this process's own, code is loaded once, nothing is frozen, and a run that is killed or out of time is
 * answered although its code goes on.
 */
export const inlineInstances: InstanceKind = (options) => new InlineInstance(options);

class InlineInstance implements LiveInstance {
  readonly #options: InstanceOptions;
  #handler: Handler | null = null;
  #startedAtMs = 0;
  #interrupt: ((outcome: Outcome) => void) | null = null;

  constructor(options: InstanceOptions) {
    this.#options = options;
  }

  async start(context: ContextData): Promise<Outcome | null> {
    Object.assign(process.env, this.#options.env);
    try {
      this.#handler = loadHandler(this.#options.spec.file, this.#options.spec.handler);
      await this.#handler.initialize?.(contextObject(context, this.#options.log));
      return null;
    } catch (error) {
      return failed(error, true);
    }
  }

  async run(event: Uint8Array, context: ContextData): Promise<Outcome> {
    this.#startedAtMs = Date.now();
    const interrupted = new Promise<Outcome>((resolve) => {
      this.#interrupt = resolve;
    });
    const outcome = await Promise.race([this.#handle(event, context), interrupted]);
    this.#interrupt = null;
    return outcome;
  }

  freeze(): void {
    // This process cannot stop a part of itself.
  }

  thaw(): void {
    // Nothing was frozen.
  }

  kill(outcome: Outcome | null): void {
    this.#interrupt?.(outcome ?? exitedUnexpectedly(Date.now() - this.#startedAtMs, 0));
  }

  async stop(context: ContextData): Promise<void> {
    try {
      await this.#handler?.preStop?.(contextObject(context, this.#options.log));
    } catch (error) {
      this.#options.log(`preStop: ${functionError(error).errorMessage}`);
    }
  }

  async #handle(event: Uint8Array, context: ContextData): Promise<Outcome> {
    try {
      const value = await this.#handler?.handle(Buffer.from(event), contextObject(context, this.#options.log));
      return { kind: 'ok', body: resultBytes(value) };
    } catch (error) {
      return failed(error, false);
    }
  }
}

function failed(error: unknown, isGone: boolean): Outcome {
  return { kind: 'failed', errorType: 'UnhandledInvocationError', error: functionError(error), isGone };
}
