/** The last lines that something printed, the oldest thrown away first, long lines cut. */
export class LogRing {
  readonly #linesMax: number;
  readonly #charsMax: number;
  #lines: string[] = [];

  constructor(linesMax = 1000, charsMax = 4096) {
    this.#linesMax = linesMax;
    this.#charsMax = charsMax;
  }

  add(line: string): void {
    this.#lines.push(line.length > this.#charsMax ? `${line.slice(0, this.#charsMax)}…` : line);
    // Trimmed in blocks: cutting one line off a long array at every line costs more than the lines.
    if (this.#lines.length > this.#linesMax * 2) this.#lines = this.#lines.slice(-this.#linesMax);
  }

  lines(): readonly string[] {
    return this.#lines.slice(-this.#linesMax);
  }
}
