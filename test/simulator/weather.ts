import type { Side } from '../../src/domain/spec.ts';
import type { Fault, Outage, PortName } from './faults.ts';

type Call = Extract<Fault, { readonly nth: number }>;
type Spell = Extract<Fault, { readonly forMs: number; readonly atMs: number }>;

/** Faults that last, asked by what wants to go on; and faults of single calls, by the number of the call. */
export class Weather {
  readonly calmAtMs: number;
  readonly #startMs: number;
  readonly #nowMs: () => number;
  readonly #spells: Spell[];
  /** Those that begin with a state. */
  readonly #waiting: Set<Spell>;
  readonly #hasClockBack: boolean;
  readonly #byCall = new Map<string, readonly Call[]>();
  /** Faults that had an effect, by kind. */
  readonly hit: (what: string) => void;

  constructor(
    faults: readonly Fault[],
    options: { readonly nowMs: () => number; readonly safeMs: number; readonly hit: (what: string) => void },
  ) {
    this.#nowMs = options.nowMs;
    this.#startMs = options.nowMs();
    this.hit = options.hit;
    const lastMs = options.safeMs + 900_000;
    const spells = faults.flatMap((fault) =>
      'atMs' in fault && 'forMs' in fault ? [{ ...fault, forMs: Math.min(fault.forMs, lastMs - fault.atMs) }] : [],
    );
    this.#spells = spells.filter((one) => !isWaiting(one));
    this.#waiting = new Set(spells.filter(isWaiting));
    for (const fault of faults) {
      if (!('nth' in fault)) continue;
      const key = `${fault.port} ${fault.nth}`;
      this.#byCall.set(key, [...(this.#byCall.get(key) ?? []), fault]);
    }
    this.#hasClockBack = faults.some(({ kind }) => kind === 'clockBack');
    const ends = faults.map((fault) => ('atMs' in fault ? fault.atMs : 0) + ('forMs' in fault ? fault.forMs : 0));
    this.calmAtMs = this.#startMs + Math.min(lastMs, Math.max(options.safeMs, ...ends));
  }

  /** The migration comes into this state: what waits for that begins, and ends with all the others. */
  entered(state: string): void {
    const sinceMs = this.#nowMs() - this.#startMs;
    for (const one of this.#waiting) {
      if (!isWaiting(one) || one.upon !== state) continue;
      this.#waiting.delete(one);
      const atMs = sinceMs + one.atMs;
      this.#spells.push({ ...one, atMs, forMs: Math.min(one.forMs, this.calmAtMs - this.#startMs - atMs) });
    }
  }

  get isCalm(): boolean {
    return this.#nowMs() >= this.calmAtMs;
  }

  ofCall(port: PortName, nth: number): readonly Call[] {
    return this.#byCall.size === 0 || this.isCalm ? [] : (this.#byCall.get(`${port} ${nth}`) ?? []);
  }

  outageOf(of: Outage): boolean {
    return this.#is((one) => one.kind === 'outage' && one.of === of);
  }

  /** Until when the controller stands still; null where it does not. */
  stallOf(of: 'cloud' | 'mesh'): number | null {
    const stalls = this.#active((one) => one.kind === 'stall' && one.of === of);
    return stalls.length === 0 ? null : this.#startMs + Math.max(...stalls.map(({ atMs, forMs }) => atMs + forMs));
  }

  errorsOf(port: PortName): readonly Extract<Fault, { kind: 'error' }>[] {
    return this.#active((one) => one.kind === 'error' && one.port === port) as Extract<Fault, { kind: 'error' }>[];
  }

  get slowUpToMs(): number {
    const slow = this.#active((one) => one.kind === 'slow') as Extract<Fault, { kind: 'slow' }>[];
    return Math.max(0, ...slow.map(({ upToMs }) => upToMs));
  }

  trigger(of: 'tick' | 'watchdog' | 'step', how: 'lost' | 'late' | 'twice'): boolean {
    return this.#is((one) => one.kind === 'trigger' && one.of === of && one.how === how);
  }

  get isEngineDead(): boolean {
    return this.#is((one) => one.kind === 'engineDead');
  }

  get skewMs(): number {
    const skews = this.#active((one) => one.kind === 'skew') as Extract<Fault, { kind: 'skew' }>[];
    return skews.reduce((sum, { byMs }) => sum + byMs, 0);
  }

  /** Any clock that is not the world's. */
  get hasSkew(): boolean {
    return this.#spells.some(({ kind }) => kind === 'skew') || this.#hasClockBack;
  }

  /** Before this moment nothing kept anybody from the store. */
  get storeFirstLostMs(): number {
    return (
      this.#startMs + Math.min(Number.POSITIVE_INFINITY, ...this.#spells.filter(losesStore).map(({ atMs }) => atMs))
    );
  }

  signals(how: 'bad' | 'lie' | 'lag' | 'stop'): boolean {
    return this.#is((one) => one.kind === 'signals' && one.how === how);
  }

  failsProbes(side: Side): boolean {
    return this.#is((one) => one.kind === 'probe' && one.side === side);
  }

  /** Nothing is in the way but what is named; faults of single calls (a crash, a freeze) count as ever in the way. */
  isFreeBut(borne: ReadonlySet<string>): boolean {
    if (this.isCalm) return true;
    const sinceMs = this.#nowMs() - this.#startMs;
    return (
      this.#byCall.size === 0 &&
      this.#spells.every((one) => one.atMs > sinceMs || sinceMs >= one.atMs + one.forMs || borne.has(nameOf(one)))
    );
  }

  #active(matches: (one: Spell) => boolean): readonly Spell[] {
    if (this.#spells.length === 0) return [];
    const sinceMs = this.#nowMs() - this.#startMs;
    const active = this.#spells.filter((one) => one.atMs <= sinceMs && sinceMs < one.atMs + one.forMs && matches(one));
    for (const one of active) this.hit(one.kind === 'signals' ? `signals ${one.how}` : nameOf(one));
    return active;
  }

  #is(matches: (one: Spell) => boolean): boolean {
    return this.#active(matches).length > 0;
  }
}

function isWaiting(fault: Spell): fault is Spell & { readonly upon: string } {
  return 'upon' in fault && fault.upon !== undefined;
}

/** The watchdog may find no store there, for as long as this lasts. */
export function losesStore(fault: Fault): boolean {
  if (fault.kind === 'error') return fault.port === 'store.now' || fault.port === 'store.due';
  return (fault.kind === 'outage' && fault.of === 'store') || (fault.kind === 'slow' && fault.upToMs > 10_000);
}

function nameOf(fault: Spell): string {
  return fault.kind === 'outage' || fault.kind === 'trigger' ? `${fault.kind} ${fault.of}` : fault.kind;
}
