import type { CarrierWeights } from '../../src/domain/agreement.ts';
import type { Side } from '../../src/domain/spec.ts';
import { type Commit, contextOf, type Facts, goalFor, isDark, isRollingBack, isToldToGoOn, slackMs } from './facts.ts';
import type { Instance } from './instance.ts';
import { sumsOf } from './state.ts';
import { fenceIn } from './subset-state.ts';
import { canCarryAll, isSplitBack, splitStates, watchdogBears } from './time-rules.ts';

const storeless: ReadonlySet<string> = new Set([...watchdogBears, 'outage store']);

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

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#storelessSinceMs = facts.world.scheduler.nowMs;
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
    if (!isToldToGoOn(history) && before?.run === next.run) return;
    this.#broughtBack.clear();
    this.#isRescued = false;
    this.#saidAtMs = this.#facts.world.scheduler.nowMs;
  }

  writing(instance: Instance, index: number, side: Side, weights: CarrierWeights): void {
    const own = this.#facts.world.route(index).sides[side];
    const isRaised = side === 'target' && own.weight === '0' && weights.weight !== '0';
    if (this.#isRescued && isRaised && !this.#facts.hasFailover && /^(tick|step)/.test(instance.name))
      this.#facts.violate('9', `${instance.name} takes up again what a person has brought back`);
    if (!instance.name.startsWith('watchdog')) return;
    this.#checkStoreLost(instance);
    for (const { name, run, rescue } of this.#facts.records.values())
      if (rescue === undefined && this.#facts.world.kept.get(name)?.baseline?.run === run) this.#broughtBack.add(run);
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
    if (!scenario.hasHealthChecks) return;
    const { nowMs } = world.scheduler;
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
