import { TerminalError, TransientError } from '../../src/ports/errors.ts';
import type { Random } from '../../src/sandbox/random.ts';
import { type PortName, writingPorts } from './faults.ts';
import type { Instance } from './instance.ts';
import type { Scheduler } from './scheduler.ts';
import { sent } from './secret.ts';
import { subsetWritingPorts } from './subset-faults.ts';
import type { Trace } from './trace.ts';
import type { Weather } from './weather.ts';

/** Clients give up after so long; what they asked for may still happen. */
const timeoutMs = 10_000;

/** What every call of every port goes through: the points at which the scheduler decides who goes on, and how. */
export class Calls {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly weather: Weather;
  readonly hit: (what: string) => void;
  readonly #random: Random;
  readonly #nth = new Map<PortName, number>();
  #count = 0;
  /** What takes place at this moment was given up by whoever asked for it. */
  isLate = false;

  constructor(scheduler: Scheduler, trace: Trace, weather: Weather, random: Random, hit: (what: string) => void) {
    this.scheduler = scheduler;
    this.trace = trace;
    this.weather = weather;
    this.hit = hit;
    this.#random = random;
  }

  /**
   * One call. `effect` does its work at one moment; before and after it the invocation can stand still, die, or be told
   * of an error, also after the effect took place.
   */
  async call<T>(instance: Instance, port: PortName, effect: () => T | Promise<T>, about = ''): Promise<T> {
    const number = this.#count++;
    const nth = (this.#nth.get(port) ?? 0) + 1;
    this.#nth.set(port, nth);
    const faults = this.weather.ofCall(port, nth);
    const isWriting = writing.has(port);
    const latencyMs = this.#latencyMs();
    for (const fault of faults) {
      if (fault.kind === 'freeze') {
        this.#note(instance, port, `freezes for ${fault.forMs} ms`, number);
        this.hit('freeze');
        instance.freeze(fault.forMs);
      }
      if (fault.kind === 'crash' && fault.phase === 'before') return this.#crash(instance, port, 'before', number);
    }
    await instance.pause(Math.min(latencyMs, timeoutMs));
    this.#fail(instance, port, number);
    const late = faults.find((fault) => fault.kind === 'lateEffect');
    if (isWriting && (late !== undefined || latencyMs > timeoutMs)) {
      this.hit('lateEffect');
      this.#note(instance, port, `${about} takes place later`, number);
      this.#later(port, late?.byMs ?? latencyMs - timeoutMs, effect);
      throw new TransientError(`sim: ${port} timed out`, sent);
    }
    if (latencyMs > timeoutMs) {
      instance.noteUntold();
      throw new TransientError(`sim: ${port} timed out`, sent);
    }
    const value = this.#take(instance, port, effect, about, number);
    if (!isWriting) return value;
    if (faults.some((fault) => fault.kind === 'crash')) return this.#crash(instance, port, 'after', number);
    if (this.#random.next() < 0.5) await instance.pause(this.#latencyMs() / 4);
    if (faults.some((fault) => fault.kind === 'lostAnswer')) {
      this.hit('lostAnswer');
      this.#note(instance, port, 'its answer is lost', number);
      throw new TransientError(`sim: the answer of ${port} was lost`, sent);
    }
    return value;
  }

  #take<T>(
    instance: Instance,
    port: PortName,
    effect: () => T | Promise<T>,
    about: string,
    number: number,
  ): T | Promise<T> {
    try {
      const value = effect();
      this.#note(instance, port, about, number);
      return value;
    } catch (error) {
      instance.noteUntold();
      this.#note(instance, port, `${about} -> ${error instanceof Error ? error.message : String(error)}`, number);
      throw error;
    }
  }

  /** The request is on its way although nobody waits for it any more. */
  #later(port: PortName, inMs: number, effect: () => unknown): void {
    this.scheduler.after(inMs, () => {
      this.isLate = true;
      try {
        effect();
        this.trace.note(`${port} takes place after its time-out`);
      } catch (error) {
        // Nobody is there to be told: this is what happens to the answer of a request that was given up.
        this.trace.note(`${port} fails after its time-out: ${error instanceof Error ? error.message : String(error)}`);
      } finally {
        this.isLate = false;
      }
    });
  }

  #fail(instance: Instance, port: PortName, number: number): void {
    for (const { rate, isTerminal } of this.weather.errorsOf(port)) {
      if (this.#random.next() >= rate) continue;
      this.hit(`error ${isTerminal && mayRefuse(port) ? 'terminal' : 'transient'}`);
      this.#note(instance, port, 'fails', number);
      instance.noteUntold();
      if (isTerminal && mayRefuse(port)) throw new TerminalError(`sim: ${port} is refused`, sent);
      throw new TransientError(`sim: ${port} fails`, sent);
    }
  }

  #crash<T>(instance: Instance, port: PortName, phase: 'before' | 'after', number: number): Promise<T> {
    this.hit('crash');
    this.hit(`crash ${phase} ${port}`);
    this.#note(instance, port, `the invocation dies ${phase} it`, number);
    instance.kill();
    return instance.never();
  }

  #latencyMs(): number {
    const slowMs = this.weather.slowUpToMs;
    const roll = this.#random.next();
    if (slowMs > 0) return roll * slowMs;
    if (roll < 0.9) return 1 + roll * 30;
    return roll < 0.995 ? 50 + (roll - 0.9) * 4_000 : 1_000 + (roll - 0.995) * 800_000;
  }

  #note(instance: Instance, port: PortName, text: string, number: number): void {
    this.trace.note(`#${number} ${instance.name} ${port} ${text}`);
  }
}

const writing: ReadonlySet<PortName> = new Set([...writingPorts, ...subsetWritingPorts]);

/** A store that answers does not refuse for good. */
function mayRefuse(port: PortName): boolean {
  return !port.startsWith('store.') && port !== 'probe.ask';
}
