import type { CarrierWeights } from '../../src/domain/agreement.ts';
import type { Notice } from '../../src/domain/notice.ts';
import type { PersonCommand } from '../../src/domain/person-command.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Side } from '../../src/domain/spec.ts';
import type { Split } from '../../src/domain/subset-route.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import type { WeightedBackend } from '../../src/ports/load-balancer.ts';
import type { Holder } from '../../src/ports/migration-store.ts';
import { DriftRules } from './drift-rules.ts';
import { EvidenceRules } from './evidence-rules.ts';
import {
  type Commit,
  contextOf,
  type Facts,
  goalFor,
  goalsOf,
  isToldToGoOn,
  splitGoalFor,
  wasAsAsked,
} from './facts.ts';
import type { Instance } from './instance.ts';
import { LimitRules } from './limit-rules.ts';
import { ObjectRules } from './object-rules.ts';
import type { Listening } from './ports.ts';
import { RecordRules } from './record-rules.ts';
import { type RescueBegin, RescueRules } from './rescue-rules.ts';
import { settledSum, shareOf } from './state.ts';
import { SubsetRecordRules } from './subset-record-rules.ts';
import { SubsetRules } from './subset-rules.ts';
import { shareAt } from './subset-state.ts';
import { TimeRules } from './time-rules.ts';
import { TrafficRules } from './traffic-rules.ts';

const violationsMax = 20;

/** Rules 1 to 12 of the design, on the modelled world: asked at every effect, in between, and when everything rests. */
export class Rules implements Listening {
  readonly violations: string[] = [];
  readonly #facts: Facts;
  readonly #traffic: TrafficRules;
  readonly #records: RecordRules;
  readonly #evidence: EvidenceRules;
  readonly #time: TimeRules;
  readonly #objects: ObjectRules;
  readonly #subsets: SubsetRules;
  readonly #subsetRecords: SubsetRecordRules;
  readonly #drift: DriftRules;
  readonly #limits: LimitRules;
  readonly #rescues: RescueRules;
  readonly #leases = new Map<string, Instance>();
  #hasLateGlass = false;

  constructor(facts: Omit<Facts, 'violate' | 'rollbackRevisions'>) {
    this.#facts = { ...facts, rollbackRevisions: new Map(), violate: (rule, text) => this.violate(rule, text) };
    this.#traffic = new TrafficRules(this.#facts);
    this.#records = new RecordRules(this.#facts);
    this.#evidence = new EvidenceRules(this.#facts);
    this.#time = new TimeRules(this.#facts, this.#evidence);
    this.#objects = new ObjectRules(this.#facts);
    this.#subsets = new SubsetRules(this.#facts);
    this.#subsetRecords = new SubsetRecordRules(this.#facts);
    this.#drift = new DriftRules(this.#facts);
    this.#limits = new LimitRules(this.#facts, this.#evidence);
    this.#rescues = new RescueRules(this.#facts);
  }

  violate(rule: string, text: string): void {
    this.#facts.trace.note(`BROKEN rule ${rule}: ${text}`);
    if (this.violations.length < violationsMax) this.violations.push(`rule ${rule}: ${text}`);
  }

  committed(commit: Commit): void {
    const { before, next, history } = commit;
    const { hit } = this.#facts;
    const from = before === null || before.run !== next.run ? 'start' : before.state;
    hit(`state ${next.state}`);
    if (from !== next.state) hit(`transition ${from} -> ${next.state}`);
    for (const { kind } of history) hit(`history ${kind}`);
    if (contextOf(next).isForced) {
      this.#traffic.force();
      this.#subsets.force();
    }
    this.#records.committed(commit);
    this.#evidence.committed(commit);
    this.#time.committed(commit);
    this.#objects.committed(next, history);
    this.#subsetRecords.committed(commit);
    this.#drift.committed(commit);
    this.#limits.committed(commit);
    this.#rescues.committed(commit);
    if (isToldToGoOn(history)) this.#traffic.toldToGoOn();
    this.#noteEnds(before, next);
  }

  sealing(instance: Instance, route: number, side: Side, fence: number): void {
    this.#traffic.sealing(instance, route, side, fence);
  }

  writing(instance: Instance, route: number, side: Side, weights: CarrierWeights, fence: number): void {
    this.#traffic.writing(instance, route, side, weights, fence);
    this.#objects.writing(instance.name, route, side, weights);
    this.#rescues.writing(instance, route, side, weights, fence);
  }

  splitting(instance: Instance, index: number, split: Split, fence: number): void {
    this.#subsets.writing(instance, index, split, fence);
    this.#subsetRecords.writing(instance, this.#facts.world.split(index), split);
  }

  setting(
    instance: Instance,
    route: number,
    group: string,
    backends: readonly WeightedBackend[],
    isLate: boolean,
  ): void {
    const { world, contents, hasLostStore, hasFailover } = this.#facts;
    this.#facts.hit('glass');
    this.#traffic.setting(instance, route, group, backends, isLate);
    if (isLate) this.#hasLateGlass = true;
    const thing = `clb ${world.route(route).route.loadBalancer}`;
    const isAlone =
      this.#leases.get(thing) === instance && (contents.leases.get(thing)?.untilMs ?? 0) > world.scheduler.nowMs;
    // A person at a laptop, and a watchdog without a store, have no lease; one that froze with it may have lost it.
    // It must be held when a write is sent; what takes place after its time-out was sent long ago.
    const isExcused =
      isLate || instance.name.startsWith('rescue') || hasLostStore || hasFailover || instance.frozenForMs > 0;
    if (!isAlone && !isExcused) this.violate('6', `${instance.name} writes to ${thing} without its lease`);
  }

  posted(channel: string, notice: Notice): void {
    this.#records.posted(channel, notice);
    this.#objects.posted(channel, notice);
  }

  /** What an answer, an error or a log says. */
  told(where: string, text: string): void {
    this.#objects.tell(where, text);
  }

  /** A person was told that a command is taken: then it is, and a rollback does not forget it (rule 7). */
  answered(record: MigrationRecord): void {
    this.#records.answered(record);
  }

  kept(name: string, isEmptied: boolean): void {
    this.#objects.kept(name);
    if (isEmptied) {
      this.#traffic.emptied();
      this.#subsets.emptied();
    }
    const record = this.#facts.records.get(name);
    const { hasFailover } = this.#facts;
    const isOver = record === undefined || record.isFinal || record.state === 'closing';
    if (isEmptied && !isOver && !hasFailover) {
      this.violate('9', `the way back of ${name} is emptied while it is ${record.state}`);
    }
  }

  looked(instance: Instance, name: string, samples: readonly Sample[]): void {
    this.#evidence.looked(instance, name, samples);
  }

  probed(instance: Instance, side: Side, isOk: boolean): void {
    this.#evidence.probed(instance, side, isOk);
  }

  released(holder: Holder): void {
    this.#records.released(holder);
  }

  leased(instance: Instance, thing: string): void {
    this.#leases.set(thing, instance);
  }

  /** @returns what `rescued` is told at its end */
  rescuing(isForced: boolean): RescueBegin {
    this.#traffic.rescuing(isForced);
    if (isForced) this.#subsets.force();
    return this.#rescues.rescuing();
  }

  rescued(begin: RescueBegin): void {
    this.#rescues.rescued(begin);
    this.#traffic.rescued();
    this.#subsetRecords.rescued();
  }

  /** Who asks for the same start again is answered with what began then (rule 7). */
  started(known: MigrationRecord | undefined, { name, run, createdAtMs }: MigrationRecord): void {
    if (known?.run === run && known.createdAtMs !== createdAtMs)
      this.violate('7', `run ${run} of ${name} begins twice`);
  }

  /** Nobody is refused for the same start, nor for what nobody has begun, or is about to (rules 6, 7). */
  notStarted(known: MigrationRecord | undefined, run: string, message: string, isAlone: boolean): void {
    const { records, hasFailover } = this.#facts;
    if (known?.run === run && !hasFailover) this.violate('7', `run ${run} is asked for again, and told: ${message}`);
    const holder = / in use by migration (\S+)$/.exec(message)?.[1];
    if (holder === undefined || hasFailover || records.has(holder) || !isAlone) return;
    this.violate('6', `run ${run} is told: ${message}, and there is none`);
  }

  /** Whoever wants to go back is let, as long as there is anything to bring back (rule 7). */
  refused({ type }: PersonCommand, ...known: readonly (MigrationRecord | undefined)[]): void {
    const { nowMs } = this.#facts.world.scheduler;
    // A timer that is due comes before the command, and may leave nothing to bring back.
    const isIn = (states: RegExp, record: MigrationRecord | undefined): boolean =>
      record !== undefined && states.test(record.state) && record.timers.every(({ dueAtMs }) => dueAtMs > nowMs);
    const isOpen = (record: MigrationRecord | undefined): boolean => isIn(/^(progressing\..+|held|paused)$/, record);
    const isUndoable = (record: MigrationRecord | undefined): boolean => isIn(/^completed$/, record);
    const isWayBack = type === 'abort' || type === 'rollback';
    if ((isWayBack && known.every(isOpen)) || (type === 'rollback' && known.every(isUndoable)))
      this.violate('7', `${type} is refused while the migration is ${known.map((one) => one?.state).join(', ')}`);
  }

  failedOver(): void {
    this.#leases.clear();
  }

  look(): void {
    this.#time.look();
    this.#objects.look();
    this.#limits.look();
    this.#rescues.look();
  }

  /** Everything rests: what the records say is what the world has. */
  end(): void {
    this.#records.end();
    const { world, records, hasForeign, hasRescue, hasFailover, hasLostStore } = this.#facts;
    for (const record of records.values()) {
      this.#facts.hit(`end ${record.state}`);
      if (hasForeign || hasFailover || record.state === 'refused') continue;
      const isGoneBack = record.state === 'rolledBack';
      const isThere = record.state === 'closed' && !isRollingBackBefore(record);
      // Without a store the watchdog cannot know that a migration arrived a moment ago, and brings it back.
      if (!isGoneBack && !(isThere && !hasRescue && !hasLostStore)) continue;
      const isNewest = [...records.values()].every(({ createdAtMs }) => createdAtMs <= record.createdAtMs);
      // What a rehearsal tried at the CLB is near the baseline, and may take place after its end.
      if (this.#hasLateGlass && contextOf(record).isRehearsal) continue;
      const missing = isNewest ? wasAsAsked([world.state], goalsOf(record)) : null;
      if (missing !== null) this.violate('2', `${record.name} rests ${record.state}, and ${missing}`);
    }
  }

  /** Both ends of what is under way, so that the share in between can be held against them (rule 1). */
  #noteEnds(before: MigrationRecord | null, next: MigrationRecord): void {
    const { world } = this.#facts;
    const [from, to] = [before === null ? null : contextOf(before), contextOf(next)];
    const isVerified = before !== null && from?.verifiedAtMs !== to.verifiedAtMs;
    if (!isVerified && from?.goalsOf === to.goalsOf) return;
    // What was verified, also where the same commit turns back at once.
    const asked = isVerified && next.state !== 'rolledBack' ? before : next;
    for (const [index, split] of world.state.splits.entries()) {
      const goal = splitGoalFor(asked, split);
      if (goal !== null) this.#subsets.setEnd(index, shareAt(goal, split.route), isVerified);
    }
    if (!isVerified) this.#subsets.planned(next);
    for (const [index, route] of world.state.routes.entries()) {
      const goal = goalFor(asked, route);
      if (goal === null) continue;
      const { state } = world;
      const sums = {
        source: settledSum(state, route, 'source', goal.source),
        target: settledSum(state, route, 'target', goal.target),
      };
      this.#traffic.setEnd(index, shareOf(sums) ?? 0, isVerified);
    }
  }
}

/** Closed by a person's word out of a rollback that was stuck: then it is as it was accepted. */
function isRollingBackBefore(record: MigrationRecord): boolean {
  return contextOf(record).rollingBackSinceMs !== null;
}
