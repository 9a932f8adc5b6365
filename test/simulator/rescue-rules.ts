import type { CarrierWeights } from '../../src/domain/agreement.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Side } from '../../src/domain/spec.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';
import { type Commit, contextOf, type Facts, goalFor, isDark, isRollingBack, isToldToGoOn, slackMs } from './facts.ts';
import type { Instance } from './instance.ts';
import { sumsOf } from './state.ts';
import { fenceIn } from './subset-state.ts';
import { canCarryAll, isSplitBack, splitStates, watchdogBears } from './time-rules.ts';

const storeless: ReadonlySet<string> = new Set([...watchdogBears, 'outage store']);

/** A run of the watchdog may go by marks that it listed so long ago. */
const listedMs = 30_000;

/** When a rescue begins, and the highest fence that it finds. */
export interface RescueBegin {
  readonly fence: number;
  readonly atMs: number;
}

/** Rule 9 where there is no record to go by: a person's rescue, and a watchdog without a store. */
export class RescueRules {
  readonly #facts: Facts;
  #isRescued = false;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #storelessSinceMs: number;
  /** Runs whose objects the watchdog wrote without the store, and whose record does not know it yet. */
  readonly #broughtBack = new Set<string>();
  readonly #arrivedAtMs = new Map<string, number>();
  /** Runs that have arrived, and whose way back says so. */
  readonly #resting = new Set<string>();
  /** With which fence, and since when, the watchdog wrote without the store. */
  readonly #written = new Map<string, { readonly fence: number; readonly sinceMs: number }>();
  #markingSinceMs: number;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#storelessSinceMs = facts.world.scheduler.nowMs;
    this.#markingSinceMs = facts.world.scheduler.nowMs;
  }

  rescuing(): RescueBegin {
    return { fence: Math.max(0, ...this.#fences()), atMs: this.#facts.world.scheduler.nowMs };
  }

  /** Every object that a writer of before could still change carries a newer fence, and the engine stays away. */
  rescued(begin: RescueBegin): void {
    // Who told it to go on meanwhile has the last word.
    this.#isRescued = this.#saidAtMs < begin.atMs;
    if (this.#fences().some((fence) => fence <= begin.fence))
      this.#facts.violate('9', 'a rescue is verified, and an object lets a writer of before in');
  }

  committed({ instance, before, next, history }: Commit): void {
    // An engine that meets the watchdog's claim only carries that rollback on.
    const isMet = before?.run === next.run && before.rescue !== undefined && !instance.name.startsWith('watchdog');
    if (isMet && !isRollingBack(next) && !next.isFinal)
      this.#facts.violate('9', `${instance.name} goes on with ${next.name} as ${next.state} beside the watchdog`);
    const isClosed = before?.state === 'closing' && next.state === 'closed' && !this.#facts.hasFailover;
    if (isClosed && this.#broughtBack.has(next.run))
      this.#facts.violate('9', `${next.name} is closed as arrived, and the watchdog brought it back`);
    if (isRollingBack(next)) this.#broughtBack.delete(next.run);
    if (next.state !== 'completed') this.#forgetArrival(next.run);
    else if (!this.#arrivedAtMs.has(next.run)) this.#arrivedAtMs.set(next.run, this.#facts.world.scheduler.nowMs);
    this.#checkFound(instance, next, history);
    if (!isToldToGoOn(history) && before?.run === next.run) return;
    this.#broughtBack.clear();
    this.#isRescued = false;
    this.#saidAtMs = this.#facts.world.scheduler.nowMs;
  }

  /** Who takes a record for what was done without the store goes on above everything that was written. */
  #checkFound(instance: Instance, { name, revision }: MigrationRecord, history: readonly HistoryEntry[]): void {
    const isFound = history.some(({ kind, text }) => kind === 'watchdog.claimed' && /the store was lost/.test(text));
    // Another run may have gone above it since the marks were listed.
    const { fence, sinceMs } = this.#written.get(name) ?? { fence: 0, sinceMs: 0 };
    if (isFound && revision <= fence && this.#facts.world.scheduler.nowMs - sinceMs > listedMs)
      this.#facts.violate('9', `${instance.name} takes ${name} with revision ${revision}, below fence ${fence}`);
  }

  #forgetArrival(run: string): void {
    this.#arrivedAtMs.delete(run);
    this.#resting.delete(run);
  }

  /** What has arrived is marked so, or a watchdog that loses the store later brings it back. */
  #checkMarked(nowMs: number): void {
    const { world, weather, records, violate } = this.#facts;
    if (!weather.isFreeBut(watchdogBears)) this.#markingSinceMs = nowMs;
    for (const { name, run } of records.values()) {
      const kept = world.kept.get(name);
      const fence = kept?.mark.fence ?? 0;
      if (this.#written.get(name)?.fence !== fence) this.#written.set(name, { fence, sinceMs: nowMs });
      if (kept?.mark.isResting && this.#arrivedAtMs.has(run)) this.#resting.add(run);
      const sinceMs = Math.max(this.#arrivedAtMs.get(run) ?? nowMs, this.#markingSinceMs);
      if (nowMs - sinceMs > slackMs && kept?.baseline?.run === run && !kept.mark.isResting)
        violate('9', `${name} has arrived ${(nowMs - sinceMs) / 1_000} s ago, and its way back does not say so`);
    }
  }

  writing(instance: Instance, index: number, side: Side, weights: CarrierWeights, fence: number): void {
    const own = this.#facts.world.route(index).sides[side];
    const isRaised = side === 'target' && own.weight === '0' && weights.weight !== '0';
    if (this.#isRescued && isRaised && !this.#facts.hasFailover && /^(tick|step)/.test(instance.name))
      this.#facts.violate('9', `${instance.name} takes up again what a person has brought back`);
    if (!instance.name.startsWith('watchdog')) return;
    this.#checkStoreLost(instance);
    for (const { name, run, revision, rescue } of this.#facts.records.values()) {
      const kept = this.#facts.world.kept.get(name);
      if (rescue !== undefined || kept?.baseline?.run !== run) continue;
      this.#broughtBack.add(run);
      if (this.#resting.has(run)) this.#facts.violate('9', `${instance.name} brings back ${name}, which has arrived`);
      if (fence <= revision && !this.#facts.hasFailover)
        this.#facts.violate('9', `${instance.name} writes with fence ${fence}, and ${name} is at ${revision}`);
    }
  }

  /** Without a claim, only after the store was away for as long as the record says. */
  #checkStoreLost(instance: Instance): void {
    const { records, weather, world, violate, hasFailover } = this.#facts;
    if (weather.hasSkew || hasFailover) return;
    const isClaimed = [...records.values()].some(({ rescue }) => rescue !== undefined);
    const lostSinceMs = weather.storeFirstLostMs;
    for (const { baseline } of isClaimed ? [] : world.kept.values()) {
      if (baseline === null || world.scheduler.nowMs >= lostSinceMs + baseline.patience.deadManMs) continue;
      violate('9', `${instance.name} writes for a store that has not been away for long enough`);
    }
  }

  /**
   * While the store alone is away, the watchdog brings everything back from the ConfigMaps. Where the CLB checks no health,
   * only a probe can vouch for the source, and those are in the record alone.
   */
  look(): void {
    const { world, weather, records, violate, scenario } = this.#facts;
    const { nowMs } = world.scheduler;
    this.#checkMarked(nowMs);
    if (!scenario.hasHealthChecks) return;
    const isStoreless = weather.outageOf('store') && weather.isFreeBut(storeless) && canCarryAll(world.state);
    if (!isStoreless) this.#storelessSinceMs = nowMs;
    for (const record of records.values()) {
      const { baseline } = contextOf(record);
      if (baseline === null || isDark(baseline) || !splitStates.test(record.state)) continue;
      if (world.kept.get(record.name)?.baseline?.run !== record.run) continue;
      const { deadManMs, breakGlassMs, capacityMs } = baseline.patience;
      const forMs = nowMs - this.#storelessSinceMs;
      if (forMs <= deadManMs + breakGlassMs + capacityMs + slackMs) continue;
      for (const route of world.state.routes) {
        if (goalFor(record, route) === null || route.groups.every((group) => sumsOf(group).target === 0)) continue;
        violate('9', `without a store for ${forMs / 1_000} s, and ${route.route.loadBalancer} was not brought back`);
      }
      for (const split of world.state.splits) {
        if (isSplitBack(record, split)) continue;
        violate('9', `without a store for ${forMs / 1_000} s, and ${split.route.host} was not brought back`);
      }
    }
  }

  #fences(): readonly number[] {
    const { routes, splits } = this.#facts.world.state;
    return [
      ...routes.flatMap(({ sides }) => [sides.source.fence ?? 0, sides.target.fence ?? 0]),
      ...splits.map((split) => fenceIn(split) ?? 0),
    ];
  }
}
