/** So many changes may be on their way at once; with more, the newest goes along with the one before it. */
const underWayMax = 100;

/** Values that take effect some time after they were written, in the order in which they were. Times in ms. */
export class Propagation<T> {
  readonly #latencyMs: number;
  #inForce: T;
  #underWay: readonly { readonly value: T; readonly atMs: number }[] = [];

  /** @param first is in force from the beginning */
  constructor(first: T, latencyMs: number) {
    this.#inForce = first;
    this.#latencyMs = latencyMs;
  }

  /** What was written last, whether it is in force or not. */
  get written(): T {
    return this.#underWay.at(-1)?.value ?? this.#inForce;
  }

  write(value: T, now: number): void {
    const before = this.#underWay.length < underWayMax ? this.#underWay : this.#underWay.slice(0, -1);
    this.#underWay = [...before, { value, atMs: now + this.#latencyMs }];
  }

  inForce(now: number): T {
    const passed = this.#underWay.filter(({ atMs }) => atMs <= now);
    this.#inForce = passed.at(-1)?.value ?? this.#inForce;
    this.#underWay = this.#underWay.slice(passed.length);
    return this.#inForce;
  }

  /** When the next value takes effect; null where nothing is on its way. */
  nextAtMs(): number | null {
    return this.#underWay[0]?.atMs ?? null;
  }
}
