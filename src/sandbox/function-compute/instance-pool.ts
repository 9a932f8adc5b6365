import type { Invocation } from './invocation.ts';

/** A place where one request at a time runs: fresh, running a request, or frozen until the next one. */
export type InstanceState =
  | { readonly kind: 'starting'; readonly invocation: Invocation }
  | { readonly kind: 'running'; readonly invocation: Invocation; readonly deadlineMs: number }
  | { readonly kind: 'stopping'; readonly invocation: Invocation }
  | { readonly kind: 'frozen'; readonly sinceMs: number };

export interface Instance {
  readonly id: string;
  readonly functionName: string;
  readonly state: InstanceState;
}

/** The instances of all functions. Pure: ids and times are given. */
export class InstancePool {
  readonly #instances = new Map<string, Instance>();
  readonly #ofFunctionMax: number;

  constructor(ofFunctionMax: number) {
    this.#ofFunctionMax = ofFunctionMax;
  }

  get(id: string): Instance | null {
    return this.#instances.get(id) ?? null;
  }

  list(): readonly Instance[] {
    return [...this.#instances.values()];
  }

  of(functionName: string): readonly Instance[] {
    return this.list().filter((instance) => instance.functionName === functionName);
  }

  /** The frozen instance used last, so that the others grow old enough to be destroyed. */
  warmest(functionName: string): Instance | null {
    let found: Instance | null = null;
    let sinceMs = Number.NEGATIVE_INFINITY;
    for (const instance of this.of(functionName)) {
      if (instance.state.kind !== 'frozen' || instance.state.sinceMs < sinceMs) continue;
      found = instance;
      sinceMs = instance.state.sinceMs;
    }
    return found;
  }

  hasRoom(functionName: string): boolean {
    return this.of(functionName).length < this.#ofFunctionMax;
  }

  put(id: string, functionName: string, state: InstanceState): void {
    this.#instances.set(id, { id, functionName, state });
  }

  remove(id: string): void {
    this.#instances.delete(id);
  }
}
