interface Wake {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time. Equal times keep the order in which they were asked for, so that a run is the same each time. */
export class Scheduler {
  nowMs: number;
  #order = 0;
  readonly #heap: Wake[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** @param atMs a time that has passed is now */
  at(atMs: number, run: () => void): void {
    this.#push({ atMs: Math.max(atMs, this.nowMs), order: this.#order++, run });
  }

  after(inMs: number, run: () => void): void {
    this.at(this.nowMs + inMs, run);
  }

  /** Runs event after event, each until nothing moves any more, until `isOver` or no event is left. */
  async run(isOver: () => boolean, eventsMax: number): Promise<'over' | 'idle' | 'tooLong'> {
    for (let count = 0; count < eventsMax; count++) {
      if (isOver()) return 'over';
      const next = this.#pop();
      if (next === undefined) return 'idle';
      this.nowMs = next.atMs;
      next.run();
      await quiet();
    }
    return 'tooLong';
  }

  #push(wake: Wake): void {
    const heap = this.#heap;
    let index = heap.push(wake) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Wake;
      if (isBefore(above, wake)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = wake;
  }

  #pop(): Wake | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Wake, heap[child] as Wake)) child += 1;
      const below = heap[child] as Wake;
      if (isBefore(last, below)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Wake, other: Wake): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Node runs its next ticks when every microtask is done: then each continuation of this event has had its turn. */
function quiet(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
