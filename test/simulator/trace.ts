/** Everything that happened, as one number, and as a story where somebody wants to read it. */
export class Trace {
  readonly lines: string[] | null;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #high = 0x811c9dc5;
  #low = 0x1234567;

  constructor(nowMs: () => number, isTold: boolean) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.lines = isTold ? [] : null;
  }

  note(text: string): void {
    const atMs = this.#nowMs() - this.#startMs;
    let [high, low] = [this.#high ^ atMs, this.#low];
    for (let index = 0; index < text.length; index++) {
      high = Math.imul(high ^ text.charCodeAt(index), 0x01000193);
      low = Math.imul(low + text.charCodeAt(index), 0x85ebca6b) ^ (low >>> 13);
    }
    [this.#high, this.#low] = [high, low];
    this.lines?.push(`${(atMs / 1_000).toFixed(3).padStart(9)} s  ${text}`);
  }

  /** The same for the same seed and faults. */
  get hash(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
