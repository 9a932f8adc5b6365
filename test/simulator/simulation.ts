import { memoryContents } from '../../src/adapters/memory/store.ts';
import { decodeRecord } from '../../src/adapters/memory/stored-record.ts';
import type { PersonCommand } from '../../src/domain/person-command.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Spec } from '../../src/domain/spec.ts';
import { isSequential } from '../../src/domain/stages.ts';
import {
  ConflictError,
  FencedError,
  InvalidInputError,
  messageOf,
  NotAllowedError,
  NotFoundError,
  TerminalError,
  TransientError,
} from '../../src/ports/errors.ts';
import { type Random, seededRandom } from '../../src/sandbox/random.ts';
import { Calls } from './calls.ts';
import { Controllers } from './controllers.ts';
import { Counters, intervalMs } from './counters.ts';
import { Coverage } from './coverage.ts';
import { type Fault, foreignKinds, makeFaults } from './faults.ts';
import { Instance } from './instance.ts';
import { healAll, scheduleOthers } from './others.ts';
import { answerTo, asTyped } from './people.ts';
import { type Outside, portsOf, type SimulatedPorts } from './ports.ts';
import { isAtRest } from './rest.ts';
import { Rules } from './rules.ts';
import { makeScenario, type Scenario, startMs } from './scenario.ts';
import { Scheduler } from './scheduler.ts';
import { SharedJson } from './shared-json.ts';
import { healSubsets, scheduleSubsetOthers } from './subset-others.ts';
import { Trace } from './trace.ts';
import { losesStore, Weather } from './weather.ts';
import type { Wiring } from './wiring.ts';
import { World } from './world.ts';

const minute = 60_000;
/** Faults are off for so long: whoever has not come to rest by then never does. */
const restWithinMs = 60 * minute;
const eventsMax = 500_000;
/** Longer than a function that answers people may take. */
const noAnswerMs = 35_000;

export interface RunOptions {
  readonly seed: number;
  /** In place of those of the seed. */
  readonly faults?: readonly Fault[];
  readonly isTold?: boolean;
  /** Records are written and read whole, as in every other store: slower, and the same run. */
  readonly isPlain?: boolean;
  readonly wiring: Wiring;
}

export interface RunResult {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly violations: readonly string[];
  readonly hash: string;
  readonly story: readonly string[];
  readonly coverage: ReadonlyMap<string, number>;
  readonly scenario: Scenario;
}

export function faultsOf(seed: number): readonly Fault[] {
  return makeFaults(seed, makeScenario(seed));
}

/** One migration and everything around it, from its start until it rests. The same seed and faults give the same run. */
export async function simulate(options: RunOptions): Promise<RunResult> {
  const simulation = new Simulation(options);
  return simulation.run();
}

class Simulation {
  readonly #options: RunOptions;
  readonly #faults: readonly Fault[];
  readonly #scenario: Scenario;
  readonly #scheduler = new Scheduler(startMs);
  readonly #coverage = new Coverage();
  readonly #trace: Trace;
  readonly #weather: Weather;
  readonly #world: World;
  readonly #controllers: Controllers;
  readonly #counters: Counters;
  readonly #random: Random;
  readonly #outside: Outside;
  readonly #rules: Rules;
  readonly #running = new Set<Instance>();
  readonly #tasks = new Set<string>();
  #launched = 0;
  #isOver = false;

  constructor(options: RunOptions) {
    const { seed, wiring } = options;
    this.#options = options;
    this.#scenario = makeScenario(seed);
    this.#faults = options.faults ?? faultsOf(seed);
    const nowMs = (): number => this.#scheduler.nowMs;
    const hit = (what: string): void => this.#coverage.hit(what);
    this.#random = seededRandom(seed ^ 0x7ac5);
    this.#trace = new Trace(nowMs, options.isTold === true);
    this.#weather = new Weather(this.#faults, { nowMs, safeMs: this.#scenario.safeMs, hit });
    this.#world = new World(this.#scheduler, this.#trace, this.#scenario.start);
    this.#controllers = new Controllers(this.#world, this.#scenario, this.#weather, seededRandom(seed ^ 0xc0de));
    this.#counters = new Counters(this.#world, this.#scenario, this.#weather, seededRandom(seed ^ 0xc047));
    const calls = new Calls(this.#scheduler, this.#trace, this.#weather, seededRandom(seed ^ 0xca11), hit);
    const contents = memoryContents();
    const records = new Map<string, MigrationRecord>();
    const hasForeign = this.#faults.some(({ kind }) => foreignKinds.has(kind));
    this.#rules = new Rules({
      world: this.#world,
      weather: this.#weather,
      scenario: this.#scenario,
      records,
      contents,
      samples: this.#counters.samples,
      hasForeign,
      hasFailover: this.#faults.some(({ kind }) => kind === 'failover'),
      hasLostStore: this.#faults.some(losesStore),
      hasRescue: this.#faults.some(({ kind }) => kind === 'rescue'),
      trace: this.#trace,
      hit,
    });
    this.#outside = {
      world: this.#world,
      scenario: this.#scenario,
      calls,
      contents,
      samples: this.#counters.samples,
      listening: this.#rules,
      records,
      parsed: new Map(),
      json: options.isPlain === true ? null : new SharedJson(),
      invoke: (name, id, inMs) => this.#invokeStep(name, id, inMs),
      isFenceChecked: wiring.isFenceChecked,
    };
  }

  async run(): Promise<RunResult> {
    const { seed } = this.#options;
    scheduleOthers(this.#world, this.#faults, this.#weather, seededRandom(seed ^ 0x07e5));
    scheduleSubsetOthers(this.#world, this.#faults, this.#weather, seededRandom(seed ^ 0x5b507));
    this.#schedulePeople();
    this.#scheduleFunctions();
    for (const what of kindsOf(this.#scenario)) this.#coverage.hit(`migration ${what}`);
    const end = await this.#scheduler.run(() => this.#isOver, eventsMax);
    if (end !== 'over') this.#rules.violate('liveness', end === 'idle' ? 'nothing moves any more' : 'too many events');
    return {
      seed: this.#options.seed,
      faults: this.#faults,
      violations: this.#rules.violations,
      hash: this.#trace.hash,
      story: this.#trace.lines ?? [],
      coverage: this.#coverage.counts,
      scenario: this.#scenario,
    };
  }

  #scheduleFunctions(): void {
    this.#every(minute, this.#random.between(0, minute), () => this.#timer('tick'));
    this.#every(minute, this.#random.between(0, minute), () => this.#timer('watchdog'));
    this.#every(intervalMs, intervalMs, () => this.#look());
    this.#scheduler.at(this.#weather.calmAtMs, () => {
      this.#trace.note('the faults are over');
      healAll(this.#world);
      healSubsets(this.#world);
    });
    for (const fault of this.#faults) {
      if (fault.kind === 'engineDead') this.#scheduler.at(startMs + fault.atMs, () => this.#killEngine());
      if (fault.kind === 'attends') this.#attend(fault, fault.atMs);
      if (fault.kind === 'clockBack') this.#scheduler.at(startMs + fault.atMs, () => this.#stepClocksBack(fault.byMs));
      if (fault.kind === 'failover') this.#scheduleFailover(fault.atMs, fault.lostMs);
    }
  }

  #every(everyMs: number, firstMs: number, run: () => void): void {
    this.#scheduler.after(firstMs, () => {
      run();
      this.#every(everyMs, everyMs, run);
    });
  }

  /** Each interval: the counters count, the rules that are about time are looked at, and whether it is over. */
  #look(): void {
    this.#counters.count();
    this.#rules.look();
    if (this.#isNothingLeft()) {
      this.#rules.end();
      this.#isOver = true;
    }
    if (this.#isOver || !this.#weather.isCalm) return;
    const isBusy = this.#controllers.isBusy || this.#running.size > 0;
    const isIdle = [...this.#outside.records.values()].every(({ isFinal }) => isFinal);
    if (isAtRest(this.#outside.records, this.#scheduler.nowMs, this.#weather.calmAtMs) && !(isIdle && isBusy)) {
      this.#rules.end();
      this.#isOver = true;
    } else if (this.#scheduler.nowMs > this.#weather.calmAtMs + restWithinMs) {
      const states = [...this.#outside.records.values()].map(
        ({ name, state, outbox }) => `${name} ${state} ${outbox.map(({ note }) => note).join('; ')}`,
      );
      this.#rules.violate('liveness', `does not come to rest: ${states.join(', ')}`);
      this.#isOver = true;
    }
  }

  /** Everything is final, and nobody starts anything any more: what goes wrong now goes wrong for others. */
  #isNothingLeft(): boolean {
    const records = [...this.#outside.records.values()];
    const isDone = records.every(({ isFinal, outbox }) => isFinal && outbox.length === 0);
    const isStarted = (fault: Fault): boolean =>
      fault.kind !== 'start' || startMs + fault.atMs < this.#scheduler.nowMs - minute;
    return (
      records.length > 0 &&
      isDone &&
      this.#faults.every(isStarted) &&
      this.#running.size === 0 &&
      !this.#controllers.isBusy
    );
  }

  #timer(of: 'tick' | 'watchdog'): void {
    const { weather } = { weather: this.#weather };
    if (of === 'tick' && weather.isEngineDead) return;
    if (weather.trigger(of, 'lost')) return;
    const lateMs = weather.trigger(of, 'late') ? this.#random.between(0, minute) : 0;
    const times = weather.trigger(of, 'twice') ? 2 : 1;
    for (let time = 0; time < times; time++) {
      this.#scheduler.after(lateMs + time * this.#random.between(0, 5_000), () =>
        of === 'tick' ? this.#tick() : this.#watchdog(),
      );
    }
  }

  #tick(): void {
    this.#launch('tick', 70_000, async (ports) => {
      const { failed } = await this.#options.wiring.tick(ports, ports.clock.now() + 58_000);
      for (const text of Object.values(failed)) {
        this.#checkMessage(`tick: ${text}`, text);
        this.#rules.told('the answer of tick', text);
      }
    });
  }

  #watchdog(): void {
    this.#launch('watchdog', 70_000, async (ports) => {
      const { problems } = await this.#options.wiring.watchOver(ports, ports.clock.now() + 57_000);
      this.#trace.note(`watchdog: ${problems.join('; ') || 'done'}`);
      this.#rules.told('the answer of the watchdog', problems.join('; '));
    });
  }

  #invokeStep(name: string, id: string, inMs: number): void {
    if (this.#tasks.has(id) || this.#weather.isEngineDead || this.#weather.trigger('step', 'lost')) return;
    this.#tasks.add(id);
    const lateMs = this.#weather.trigger('step', 'late') ? this.#random.between(0, 5 * minute) : 50;
    const times = this.#weather.trigger('step', 'twice') ? 2 : 1;
    for (let time = 0; time < times; time++) {
      this.#scheduler.after(inMs + lateMs + time * 1_000, () => {
        if (this.#weather.isEngineDead) return;
        this.#launch('step', 75_000, (ports) =>
          this.#options.wiring.advance(ports, name, ports.clock.now() + 62_000, 15_000),
        );
      });
    }
  }

  #launch(kind: string, limitMs: number, work: (ports: SimulatedPorts) => Promise<unknown>): void {
    const skewMs = this.#weather.skewMs * (this.#random.next() < 0.5 ? 1 : 0);
    if (skewMs !== 0) this.#coverage.hit('skew');
    const instance = new Instance(this.#scheduler, `${kind}-${this.#launched++}`, skewMs);
    this.#running.add(instance);
    const end = (): void => {
      instance.isDone = true;
      this.#running.delete(instance);
    };
    const check = (): void => {
      if (instance.isDone) return;
      if (!instance.isDead && instance.frozenForMs > 0) {
        this.#scheduler.after(instance.frozenForMs, () => {
          instance.kill();
          end();
        });
        return;
      }
      // The platform ends what takes longer than its time-out.
      instance.kill();
      end();
    };
    this.#scheduler.after(limitMs, check);
    work(portsOf(this.#outside, instance)).then(end, (error: unknown) => {
      end();
      this.#trace.note(`${instance.name} fails: ${messageOf(error)}`);
      this.#checkError(instance.name, error);
    });
  }

  /** A machine's time is put right while its functions run. */
  #stepClocksBack(byMs: number): void {
    for (const instance of this.#running) {
      this.#coverage.hit('clockBack');
      instance.stepBack(byMs);
    }
  }

  #killEngine(): void {
    for (const instance of this.#running) {
      if (!/^(tick|step)/.test(instance.name)) continue;
      instance.kill();
      this.#running.delete(instance);
    }
    this.#coverage.hit('engineDead');
  }

  #schedulePeople(): void {
    this.#start(this.#scenario.spec, 'run-1', 1_000, 20);
    for (const [index, fault] of this.#faults.entries()) {
      if (fault.kind === 'person') this.#scheduler.at(startMs + fault.atMs, () => this.#command(fault.command));
      if (fault.kind === 'start') {
        const { spec } = this.#scenario;
        const [routes, subsets] = [spec.routes.slice(0, 1), spec.subsets.slice(0, 1)];
        const rival: Spec = { ...spec, name: 'rival', routes, subsets };
        const isRival = fault.who === 'rival';
        this.#coverage.hit(`start ${fault.who}`);
        this.#start(isRival ? rival : spec, `${fault.who}-${index}`, fault.atMs, 3);
      }
      if (fault.kind === 'rescue') this.#scheduler.at(startMs + fault.atMs, () => this.#rescue(fault.isForced));
    }
  }

  /** A person who gets an error asks again with the same key, and one who gets no answer at all with a new one. */
  #start(spec: Spec, run: string, inMs: number, triesLeft: number): void {
    this.#scheduler.after(inMs, () => {
      let isAnswered = false;
      this.#scheduler.after(noAnswerMs, () => {
        if (!isAnswered && triesLeft > 0) this.#start(spec, `${run}-again`, 0, triesLeft - 1);
      });
      this.#launch('api', 30_000, async (ports) => {
        const isRehearsal = this.#scenario.isRehearsal && run.startsWith('run-1');
        const known = this.#outside.records.get(spec.name);
        try {
          const { startMigration, rehearsalOf } = this.#options.wiring;
          const asked = isRehearsal ? await rehearsalOf(ports, spec) : spec;
          const record = await startMigration(ports, asked, { run, actor: 'ada', isRehearsal });
          isAnswered = true;
          this.#rules.started(known, record);
          this.#coverage.hit('start');
          await ports.invoker.invoke(spec.name, `${spec.name}-${run}`, 0);
        } catch (error) {
          isAnswered = true;
          // A side that has no backends for a moment is no side to rehearse on: the person is told, and asks again.
          if (!(isRehearsal && error instanceof InvalidInputError)) this.#checkError('start', error);
          const isAlone = [...this.#running].filter(({ name }) => name.startsWith('api')).length === 1;
          if (error instanceof ConflictError) this.#rules.notStarted(known, run, error.message, isAlone);
          if (triesLeft > 0 && !(error instanceof ConflictError)) this.#start(spec, run, 10_000, triesLeft - 1);
        }
      });
    });
  }

  #attend(fault: Extract<Fault, { kind: 'attends' }>, inMs: number): void {
    this.#scheduler.at(startMs + inMs, () => {
      if (this.#weather.isCalm || inMs > fault.atMs + fault.forMs) return;
      const record = this.#outside.records.get(this.#scenario.spec.name);
      this.#undo(record, fault);
      const answer = answerTo(record, fault.answers);
      if (answer !== null) {
        this.#coverage.hit('attends');
        this.#command(answer);
      }
      this.#attend(fault, inMs + fault.everyMs);
    });
  }

  /** Asked for at the moment at which the time to undo runs out. */
  #undo(record: MigrationRecord | undefined, { everyMs, undoLateByMs }: Extract<Fault, { kind: 'attends' }>): void {
    const overAtMs = record?.state === 'completed' ? record.timers[0]?.dueAtMs : undefined;
    const { nowMs } = this.#scheduler;
    if (overAtMs === undefined || undoLateByMs === null || overAtMs > nowMs + everyMs) return;
    this.#scheduler.at(overAtMs + undoLateByMs, () => this.#command({ type: 'rollback', isForced: false }));
  }

  #command(typed: PersonCommand): void {
    this.#launch('api', 30_000, async (ports) => {
      const { name } = this.#scenario.spec;
      const command = asTyped(typed, this.#outside.records.get(name));
      const known = this.#outside.records.get(name);
      const record = await this.#options.wiring.sendCommand(ports, name, command, 'ada').catch((error: unknown) => {
        if (error instanceof NotAllowedError) this.#rules.refused(command, known, this.#outside.records.get(name));
        throw error;
      });
      this.#coverage.hit(`command ${command.type}`);
      this.#rules.answered(record);
      await ports.invoker.invoke(name, `${name}-${record.revision}`, 0);
    });
  }

  #rescue(isForced: boolean): void {
    this.#launch('rescue', 120_000, async (ports) => {
      this.#coverage.hit('rescue');
      const begin = this.#rules.rescuing(isForced);
      const { name } = this.#scenario.spec;
      const onProgress = (note: string): void => {
        this.#trace.note(`rescue: ${note}`);
        this.#rules.told('the progress of a rescue', note);
      };
      const { isVerified } = await this.#options.wiring.rescue(ports, name, {
        forMsMax: 90_000,
        isForced,
        onProgress,
      });
      this.#trace.note(`rescue: ${isVerified ? 'verified' : 'not verified'}`);
      if (isVerified) this.#rules.rescued(begin);
    });
  }

  /** The replica that takes over does not have what was acknowledged last. */
  #scheduleFailover(atMs: number, lostMs: number): void {
    const { contents, records } = this.#outside;
    let [migrations, claims, leases] = [
      new Map(contents.migrations),
      new Map(contents.claims),
      new Map(contents.leases),
    ];
    this.#scheduler.at(startMs + Math.max(0, atMs - lostMs), () => {
      [migrations, claims, leases] = [new Map(contents.migrations), new Map(contents.claims), new Map(contents.leases)];
    });
    this.#scheduler.at(startMs + atMs, () => {
      this.#coverage.hit('failover');
      this.#trace.note(`the store fails over and loses ${lostMs} ms`);
      replace(contents.migrations, migrations);
      replace(contents.claims, claims);
      replace(contents.leases, leases);
      records.clear();
      for (const [name, { revision, text }] of migrations) records.set(name, decodeRecord(name, revision, text));
      this.#rules.failedOver();
    });
  }

  #checkError(where: string, error: unknown): void {
    this.#rules.told(`the error of ${where}`, messageOf(error));
    const isOfTheWorld =
      error instanceof TransientError ||
      error instanceof ConflictError ||
      error instanceof FencedError ||
      error instanceof NotAllowedError ||
      error instanceof NotFoundError;
    if (isOfTheWorld) return;
    if (error instanceof TerminalError) this.#checkMessage(where, error.message);
    else
      this.#rules.violate(
        'errors',
        `${where} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
  }

  /** Only what the simulator made up may be refused for good: everything else is a mistake of ours. */
  #checkMessage(where: string, text: string): void {
    if (!text.startsWith('sim:')) this.#rules.violate('errors', `${where}: ${text}`);
  }
}

function kindsOf({ spec, start, isRehearsal }: Scenario): readonly string[] {
  return [
    ...spec.subsets.map((_, index) => (index === 0 ? 'subsets' : 'subsets of two hosts')),
    ...(start.splits.some(({ object }) => object === null) ? ['subsets without a VirtualService'] : []),
    ...(spec.routes.length === 1 ? ['one route'] : spec.routes.length > 1 ? ['several routes'] : []),
    ...(isSequential(spec) ? ['sequential'] : []),
    ...(spec.windows.length > 0 ? ['window'] : []),
    ...(Object.keys(start.nodes).length > 1 ? ['several clusters'] : []),
    ...(isRehearsal ? ['rehearsal'] : []),
    ...(spec.finish === 'return' ? ['return'] : []),
  ];
}

function replace<K, V>(map: Map<K, V>, by: ReadonlyMap<K, V>): void {
  map.clear();
  for (const [key, value] of by) map.set(key, value);
}
