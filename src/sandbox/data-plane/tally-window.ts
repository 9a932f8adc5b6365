import { addTo, emptyTally, type Tally } from './tally.ts';

const slotMs = 100;
const slotsMax = 100;

/** A tally since the start and one of the last 10 seconds, in a ring of slots of 100 ms. `now` is wall time in ms. */
export class TallyWindow {
  readonly sinceStart: Tally = emptyTally();
  readonly #slots: (Tally | null)[] = new Array<Tally | null>(slotsMax).fill(null);
  #newest: number;

  constructor(now: number) {
    this.#newest = Math.floor(now / slotMs);
  }

  /** Counts into both at once. */
  count(now: number, into: (tally: Tally) => void): void {
    into(this.sinceStart);
    into(this.#slotAt(now));
  }

  add(now: number, more: Tally): void {
    this.count(now, (tally) => addTo(tally, more));
  }

  last10s(now: number): Tally {
    this.#slotAt(now);
    const sum = emptyTally();
    for (const slot of this.#slots) if (slot !== null) addTo(sum, slot);
    return sum;
  }

  /** The slot of this moment; those in between had no traffic and are emptied. */
  #slotAt(now: number): Tally {
    const wanted = Math.max(this.#newest, Math.floor(now / slotMs));
    for (let slot = Math.max(this.#newest + 1, wanted - slotsMax + 1); slot <= wanted; slot += 1) {
      this.#slots[slot % slotsMax] = null;
    }
    this.#newest = wanted;
    const index = wanted % slotsMax;
    const tally = this.#slots[index] ?? emptyTally();
    this.#slots[index] = tally;
    return tally;
  }
}
