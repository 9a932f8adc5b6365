import type { MigrationRecord } from '../../src/domain/record.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';
import type { EvidenceRules } from './evidence-rules.ts';
import {
  type Commit,
  contextOf,
  type Facts,
  goalFor,
  goalsBefore,
  goalsOf,
  isDark,
  isRollingBack,
  missedShare,
  slackMs,
  wasAsAsked,
} from './facts.ts';
import type { Instance } from './instance.ts';
import { sumsOf, type WorldState } from './state.ts';
import { hasPod, type SplitState, shareAt, weightsIn } from './subset-state.ts';
import { canCarry } from './traffic-rules.ts';

/** Of a share, in per cent: less than weights can say. */
const points = 0.01;
/** From one tick to the end of what the next one does first. */
const tickMs = 75_000;
export const splitStates = /^(progressing\..+|held|paused|rollingBack|tryingGlass|stuck)$/;

/** Rules 5, 8 and 9 as far as they are about time: looked at every few seconds. */
export class TimeRules {
  readonly #facts: Facts;
  readonly #evidence: EvidenceRules;
  readonly #engineAtMs = new Map<string, number>();
  readonly #differsSinceMs = new Map<string, number>();
  #watchdogFreeSinceMs: number;
  #glassFreeSinceMs: number;
  #meshFreeSinceMs: number;

  constructor(facts: Facts, evidence: EvidenceRules) {
    this.#facts = facts;
    this.#evidence = evidence;
    this.#watchdogFreeSinceMs = facts.world.scheduler.nowMs;
    this.#glassFreeSinceMs = facts.world.scheduler.nowMs;
    this.#meshFreeSinceMs = facts.world.scheduler.nowMs;
  }

  committed({ instance, before, next, history }: Commit): void {
    if (before !== null && before.run === next.run) {
      this.#checkClaim(instance, before, next, history);
    }
    if (!instance.name.startsWith('watchdog')) this.#engineAtMs.set(next.run, this.#facts.world.scheduler.nowMs);
  }

  /** The watchdog leaves alone what somebody cares for (rule 9). */
  #checkClaim(
    instance: Instance,
    before: MigrationRecord,
    next: MigrationRecord,
    history: readonly HistoryEntry[],
  ): void {
    const isForSilence = history.some(({ kind, text }) => kind === 'watchdog.claimed' && /heartbeat/.test(text));
    const { baseline } = contextOf(before);
    if (baseline === null) return;
    if (history.some(({ kind }) => kind === 'watchdog.restored')) {
      const states = this.#facts.world.since(instance.knowsSinceMs());
      const missing = wasAsAsked(states, goalsBefore(baseline));
      if (missing !== null) this.#facts.violate('2', `the watchdog has restored ${next.name}, and ${missing}`);
    }
    if (!isForSilence) return;
    const silentMs = next.updatedAtMs - before.updatedAtMs;
    // One that was claimed before is cared for every few seconds, or by nobody.
    const limitMs = Math.min(
      before.rescue === undefined ? Number.POSITIVE_INFINITY : 30_000,
      baseline.patience.deadManMs,
    );
    if (silentMs < limitMs)
      this.#facts.violate('9', `the watchdog takes ${next.name} ${silentMs} ms after its last heartbeat`);
  }

  look(): void {
    const { world, weather, records } = this.#facts;
    const { nowMs } = world.scheduler;
    const isCarrying = canCarryAll(world.state);
    if (!weather.isFreeBut(watchdogBears) || !isCarrying) this.#watchdogFreeSinceMs = nowMs;
    if (!weather.isFreeBut(glassBears) || !isCarrying) this.#glassFreeSinceMs = nowMs;
    if (!weather.isFreeBut(meshBears) || !isCarrying) this.#meshFreeSinceMs = nowMs;
    for (const record of records.values()) {
      this.#checkDeadMan(record, nowMs);
      this.#checkGlass(record, nowMs);
      this.#checkDrift(record, nowMs);
      this.#checkDeadline(record, nowMs);
    }
  }

  /** Without an engine, and with nothing else in the way, the watchdog brings it back in time (rule 9). */
  #checkDeadMan(record: MigrationRecord, nowMs: number): void {
    const { baseline } = contextOf(record);
    const silentMs = nowMs - (this.#engineAtMs.get(record.run) ?? nowMs);
    const freeMs = nowMs - this.#watchdogFreeSinceMs;
    if (baseline === null || isDark(baseline) || record.isFinal || !splitStates.test(record.state)) return;
    // What others change after the way back was verified waits for an engine: it is held against `watchdog.restored`.
    if (record.rescue?.phase === 'restored' && this.#facts.hasForeign) return;
    const patienceMs =
      baseline.patience.deadManMs + slackMs + baseline.patience.breakGlassMs + baseline.patience.capacityMs;
    if (silentMs > patienceMs && freeMs > patienceMs) {
      const what = `nobody cared for ${record.name} for ${silentMs / 1_000} s`;
      this.#checkBack(record, '9', what);
      this.#checkSplitBack(record, '9', what);
    }
  }

  /** A rollback does not wait for a Kubernetes API or a controller (rule 5). */
  #checkGlass(record: MigrationRecord, nowMs: number): void {
    const { baseline, rollingBackSinceMs } = contextOf(record);
    if (baseline === null || isDark(baseline) || !isRollingBack(record) || record.isFinal) return;
    const forMs = nowMs - (rollingBackSinceMs ?? nowMs);
    const patienceMs = Math.max(baseline.patience.breakGlassMs, baseline.patience.capacityMs) + slackMs;
    const what = `the rollback of ${record.name} is ${forMs / 1_000} s old`;
    if (forMs > patienceMs && nowMs - this.#glassFreeSinceMs > patienceMs) this.#checkBack(record, '5', what);
    if (forMs > patienceMs && nowMs - this.#meshFreeSinceMs > patienceMs) this.#checkSplitBack(record, '5', what);
  }

  /** Subsets come back by their VirtualService alone: it needs the mesh, and nothing of clusters and controllers. */
  #checkSplitBack(record: MigrationRecord, rule: string, what: string): void {
    const { world, violate } = this.#facts;
    for (const split of world.state.splits) {
      if (isSplitBack(record, split)) continue;
      const share = shareAt(weightsIn(split), split.route).toFixed(1);
      violate(rule, `${what} and ${share} per cent of ${split.route.host} still go to the target`);
    }
  }

  #checkBack(record: MigrationRecord, rule: string, what: string): void {
    const { world, violate } = this.#facts;
    for (const route of world.state.routes) {
      if (goalFor(record, route) === null) continue;
      for (const group of route.groups) {
        if (sumsOf(group).target > 0) violate(rule, `${what} and the target still has weight in ${group.group}`);
      }
    }
  }

  /** Once nothing else is wrong, a share that is not what it should be is seen (rule 8). */
  #checkDrift(record: MigrationRecord, nowMs: number): void {
    const { world, weather, violate, scenario } = this.#facts;
    const isLooking = /^progressing\.(baking|gated)$/.test(record.state);
    const missing =
      isLooking && (weather.isCalm || weather.isFreeBut(looksBear))
        ? (wasAsAsked([world.state], goalsOf(record)) ?? missedShare(record, world.state))
        : null;
    if (missing === null) {
      this.#differsSinceMs.delete(record.run);
      return;
    }
    const sinceMs = this.#differsSinceMs.get(record.run) ?? nowMs;
    this.#differsSinceMs.set(record.run, sinceMs);
    if (nowMs - sinceMs > tickMs + scenario.watchEveryMs)
      violate('8', `${record.name} ${record.state} does not see that ${missing}`);
  }

  #checkDeadline(record: MigrationRecord, nowMs: number): void {
    const { name, run, state } = record;
    const { weather, violate } = this.#facts;
    const { spec } = contextOf(record);
    const isMoving = /^progressing\.(shifting|baking)$/.test(state);
    const overMs = this.#evidence.movedMs(run) - spec.deadlineMs;
    const isFree = weather.isCalm && nowMs > weather.calmAtMs + slackMs;
    if (isMoving && isFree && overMs > slackMs) violate('4', `${name} is on the move ${overMs} ms past its deadline`);
  }
}

/** No more than before goes to the target. */
export function isSplitBack(record: MigrationRecord, split: SplitState): boolean {
  const before = contextOf(record).baseline?.subsets.find(({ route }) => route.host === split.route.host);
  return before === undefined || shareAt(weightsIn(split), split.route) <= shareAt(before.split, split.route) + points;
}

/** Can everything go back where it came from? */
export function canCarryAll(state: WorldState): boolean {
  return (
    state.routes.every((route) => canCarry(state, route)) &&
    state.splits.every((split) => Object.keys(split.pods).every((name) => hasPod(split, name)))
  );
}

/** What the watchdog puts up with: an engine that is dead, and everything that is about evidence. */
export const watchdogBears: ReadonlySet<string> = new Set([
  'engineDead',
  'signals',
  'probe',
  'trigger tick',
  'trigger step',
  'outage signals',
  'outage chat',
]);
/** Everything that is about evidence, and what only follows or is told. */
const evidence = ['outage signals', 'outage chat', 'stall', 'signals', 'probe'] as const;
/** What keeps nobody from seeing which share there is. */
const looksBear: ReadonlySet<string> = new Set(['outage signals', 'outage chat', 'signals', 'probe']);
/** What a rollback puts up with: no Kubernetes API, no controller, no chat, no signals. */
export const glassBears: ReadonlySet<string> = new Set(['outage ack', 'outage asm', ...evidence]);
/** What a rollback of subsets puts up with. */
const meshBears: ReadonlySet<string> = new Set(['outage ack', 'outage clb', ...evidence]);
