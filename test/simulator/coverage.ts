/** How often each thing was seen: states, transitions, kinds of faults, points of a crash, kinds of notices. */
export class Coverage {
  readonly counts = new Map<string, number>();

  hit(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  add(other: ReadonlyMap<string, number>): void {
    for (const [what, count] of other) this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }
}
