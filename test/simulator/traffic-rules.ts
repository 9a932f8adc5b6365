import type { CarrierWeights } from '../../src/domain/agreement.ts';
import type { Side } from '../../src/domain/spec.ts';
import type { WeightedBackend } from '../../src/ports/load-balancer.ts';
import { contextOf, type Facts, goalFor, isRollingBack } from './facts.ts';
import type { Instance } from './instance.ts';
import {
  type GroupState,
  healthySumsOf,
  isSeenHealthy,
  podsOf,
  type RouteState,
  type Sums,
  settledSum,
  shareOf,
  sumsOf,
  type WorldState,
  wantedBackends,
  weightFor,
} from './state.ts';
import type { Author } from './world.ts';

const points = 0.01;
/** So long a rollback waits for a working write of the other side. */
const overdueMs = 15_000;

/** Rules 1 and 5, on every write of ours and on every change of the modelled CLB. */
export class TrafficRules {
  readonly #facts: Facts;
  /** Shares that each route may have until the next one is verified: both ends of what is under way. */
  readonly #ends = new Map<number, number[]>();
  #isForced = false;
  #emptiedAtMs = Number.NEGATIVE_INFINITY;
  /** Routes on which glass was broken before the source was told to carry. */
  readonly #setByUs = new Set<number>();
  /** When somebody without the record began to bring it back: a person, or the watchdog while there was no store. */
  #rescuedSinceMs = Number.POSITIVE_INFINITY;
  /** Rescues by people that are not verified yet. */
  #rescues = 0;
  /** Somebody told the migration to go on while somebody else rescued it: who writes last decides. */
  #isContested = false;

  constructor(facts: Facts) {
    this.#facts = facts;
    facts.world.onClb((author, before) => this.#clbChanged(author, before));
  }

  /** A person's word that goes past the guards on health and capacity. */
  force(): void {
    this.#isForced = true;
  }

  rescuing(isForced: boolean): void {
    if (isForced) this.force();
    this.#rescues += 1;
    this.#rescuedSinceMs = Math.min(this.#rescuedSinceMs, this.#facts.world.scheduler.nowMs);
  }

  toldToGoOn(): void {
    this.#isContested ||= this.#rescues > 0;
  }

  rescued(): void {
    this.#rescues -= 1;
  }

  /** A way back that was kept is over. */
  emptied(): void {
    this.#emptiedAtMs = this.#facts.world.scheduler.nowMs;
  }

  /** @param isReached the end is reached, and what was before is no end any more */
  setEnd(route: number, share: number, isReached: boolean): void {
    this.#ends.set(route, isReached ? [share] : [...(this.#ends.get(route) ?? [0]), share]);
  }

  sealing(instance: Instance, index: number, side: Side, fence: number): void {
    const { route, sides } = this.#facts.world.route(index);
    const held = sides[side].fence;
    if (held === null || held <= fence) return;
    this.#facts.violate('6', `${instance.name} seals the ${side} on ${route.loadBalancer} with ${fence} over ${held}`);
  }

  writing(instance: Instance, index: number, side: Side, weights: CarrierWeights, fence: number): void {
    const { world, violate } = this.#facts;
    const route = world.route(index);
    const own = route.sides[side];
    const what = `${instance.name} writes ${side} "${weights.weight ?? 'absent'}" on ${route.route.loadBalancer} with fence ${fence}`;
    if (own.fence !== null && own.fence > fence) violate('6', `${what} over fence ${own.fence}`);
    for (const weight of [weights.weight, ...Object.values(weights.overrides)]) {
      if (weight !== null && !/^(100|[1-9]?\d)$/.test(weight)) violate('3', `${what}: no weight`);
    }
    const isChange =
      own.weight !== weights.weight ||
      Object.entries(weights.overrides).some(([id, weight]) => own.overrides[id] !== weight);
    if (!isChange) return;
    // Who began to read before it was emptied goes on with that; a person's rescue does so to its end.
    const isKept =
      [...world.kept.values()].some(({ baseline }) => baseline !== null) ||
      this.#emptiedAtMs >= instance.knowsSinceMs();
    // A failover may bring back a record whose end was lost, and with it whose way back was emptied.
    if (!isKept && !instance.name.startsWith('rescue') && !this.#facts.hasFailover)
      violate('9', `${what}: no way back is kept`);
    if (side === 'source' && !isZero(route, 'source', weights)) this.#setByUs.delete(index);
    const known = world.since(instance.knowsSinceMs());
    if (known.every((state) => this.#darkens(state, index, side, weights)))
      violate('1', `${what}: nothing is left that carries`);
    // What a shift under way is to come to may be lost with the newest commits.
    if (!this.#facts.hasFailover && known.every((state) => this.#goesBeyond(state, index, side, weights, fence)))
      violate('1', `${what}: beyond both ends`);
    // Who rescues brings back a share that the record still asks for.
    const isShifting = /^(tick|step)/.test(instance.name);
    if (isShifting && known.every((state) => this.#isOutOfTurn(state, index, side, weights)))
      violate('1', `${what}: the other side goes first`);
    if (side === 'target') this.#checkCapacity(what, known, index, weights);
    if (side === 'target' && isShifting) this.#checkSeal(what, known, index, weights);
  }

  setting(
    instance: Instance,
    index: number,
    group: string,
    backends: readonly WeightedBackend[],
    isLate: boolean,
  ): void {
    const { world, violate } = this.#facts;
    const what = `${instance.name} sets ${group} ${backends.map(({ serverId, weight }) => `${serverId}=${weight}`).join(' ')}`;
    const isDark = (state: WorldState): boolean => {
      const route = state.routes[index] as RouteState;
      const found = route.groups.find((one) => one.group === group) as GroupState;
      const next = found.backends.map((one) => {
        const set = backends.find(
          (two) => two.serverId === one.serverId && two.serverIp === one.serverIp && two.port === one.port,
        );
        return set === undefined ? one : { ...one, weight: set.weight };
      });
      const [before, after] = [
        this.#carrying(state, route, found),
        this.#carrying(state, route, { ...found, backends: next }),
      ];
      return before.source + before.target > 0 && after.source + after.target === 0;
    };
    if (world.since(instance.knowsSinceMs()).every(isDark)) violate('1', `${what}: nothing is left that carries`);
    if (!isLate) this.#checkGlassTime(what);
  }

  /** While backends come and go, what is predicted for those of a moment ago is near, and no more. */
  #nearness(): number {
    return this.#facts.hasForeign ? this.#facts.scenario.spec.tolerance : points;
  }

  #carrying(state: WorldState, route: RouteState, group: GroupState) {
    return this.#isForced || this.#facts.scenario.hasHealthChecks === false
      ? sumsOf(group)
      : healthySumsOf(state, route, group);
  }

  /** Others changed the pods and the cloud controller has not followed: what comes of that is no doing of a write. */
  #isCatchingUp(state: WorldState, route: RouteState): boolean {
    if (!this.#facts.hasForeign) return false;
    return (['source', 'target'] as const).some((side) => {
      const own = route.sides[side];
      return own.services.some(({ cluster }) => {
        const wanted = wantedBackends(state, side, own, cluster).length;
        return route.groups.some(
          ({ backends }) => backends.filter((one) => one.side === side && one.cluster === cluster).length !== wanted,
        );
      });
    });
  }

  /** Of what carries a group now, is nothing left: by what the CLB has, or by what the other side was told to be? */
  #darkens(state: WorldState, index: number, side: Side, weights: CarrierWeights): boolean {
    const route = state.routes[index] as RouteState;
    if (!isZero(route, side, weights)) return false;
    const other = side === 'source' ? 'target' : 'source';
    return route.groups.some((group) => {
      const carrying = this.#carrying(state, route, group);
      if (carrying[side] === 0) return false;
      return carrying[other] === 0 || isZero(route, other, route.sides[other]);
    });
  }

  /** Of two writes of a shift the one that lowers the target's share goes first; where both raise it, the target. */
  #isOutOfTurn(state: WorldState, index: number, side: Side, weights: CarrierWeights): boolean {
    const route = state.routes[index] as RouteState;
    if (this.#isCatchingUp(state, route)) return false;
    const owner = [...this.#facts.records.values()].find(
      (record) => !record.isFinal && goalFor(record, route) !== null,
    );
    const goal = owner?.state === 'progressing.shifting' ? goalFor(owner, route) : null;
    const other = side === 'source' ? 'target' : 'source';
    const own = route.sides[other];
    if (
      goal === null ||
      own.services.every(({ clusterId }) => weightFor(own, clusterId) === weightFor(goal[other], clusterId))
    )
      return false;
    const now = route.groups.map(sumsOf);
    const betweenOf = (one: Side, given: CarrierWeights): readonly Sums[] =>
      now.map((sums) => ({ ...sums, [one]: settledSum(state, route, one, given) }));
    const [mine, others] = [betweenOf(side, weights), betweenOf(other, goal[other])];
    const lowers = (sums: readonly Sums[]): boolean =>
      sums.some((one, at) => one.source > (now[at]?.source ?? 0) || one.target < (now[at]?.target ?? 0));
    if (!lowers(mine) && !lowers(others)) return side === 'source';
    const isBlocked = others.some((one) => one.source + one.target === 0);
    return !isBlocked && highest(mine) > highest(others) + this.#nearness();
  }

  #goesBeyond(state: WorldState, index: number, side: Side, weights: CarrierWeights, fence: number): boolean {
    const route = state.routes[index] as RouteState;
    if (this.#isCatchingUp(state, route)) return false;
    const owner = [...this.#facts.records.values()].find(
      (record) => !record.isFinal && goalFor(record, route) !== null,
    );
    // Fences come with the weights of the baseline, whatever others made of them since it was read.
    const isKeeping = this.#facts.hasForeign && owner?.state.startsWith('preflighting') === true;
    const goal = owner === undefined || isKeeping ? null : goalFor(owner, route);
    if (goal === null) return false;
    const endSums = {
      source: settledSum(state, route, 'source', goal.source),
      target: settledSum(state, route, 'target', goal.target),
    };
    const now = route.groups.map(sumsOf);
    const own = settledSum(state, route, side, weights);
    // The annotation is one for all groups, and so are the ends.
    const after = highest(now.map((sums) => ({ ...sums, [side]: own })));
    // A write that was under way when the rollback began is of the step before.
    const isOfBefore = owner !== undefined && fence < (this.#facts.rollbackRevisions.get(owner.run) ?? 0);
    const ends = isOfBefore ? (this.#ends.get(index) ?? []) : [];
    return after > Math.max(highest(now), highest([endSums]), ...ends) + this.#nearness();
  }

  /** Who takes the target's weight away keeps writers of before out of the source first: they might take its weight, too. */
  #checkSeal(what: string, known: readonly WorldState[], index: number, weights: CarrierWeights): void {
    const { world, records, rollbackRevisions, violate } = this.#facts;
    for (const record of records.values()) {
      const { rollingBackSinceMs } = contextOf(record);
      const least = rollbackRevisions.get(record.run) ?? 0;
      const isOverdue = world.scheduler.nowMs - (rollingBackSinceMs ?? 0) > overdueMs;
      if (!isRollingBack(record) || isOverdue || goalFor(record, world.route(index)) === null) continue;
      const isOpen = known.every((state) => {
        const route = state.routes[index] as RouteState;
        const isCarrying = route.groups.some((group) => sumsOf(group).target > 0);
        return isCarrying && (route.sides.source.fence ?? 0) < least && isZero(route, 'target', weights);
      });
      if (isOpen) violate('6', `${what}: a writer of before could still empty the source`);
    }
  }

  /** A source that shrank is given time to grow before everything comes back to it (rule 5). */
  #checkCapacity(what: string, known: readonly WorldState[], index: number, weights: CarrierWeights): void {
    const { world, violate } = this.#facts;
    for (const { baseline: way, mark } of world.kept.values()) {
      if (way === null || mark.fence === null || mark.storeLostSinceMs === null) continue;
      this.#rescuedSinceMs = Math.min(this.#rescuedSinceMs, mark.storeLostSinceMs + way.patience.deadManMs);
    }
    if (this.#isForced) return;
    for (const record of this.#facts.records.values()) {
      const { baseline, rollingBackSinceMs } = contextOf(record);
      const loadBalancer = world.route(index).route.loadBalancer;
      const kept = baseline?.routes.find((one) => one.route.loadBalancer === loadBalancer);
      if (!isRollingBack(record) || baseline === null || kept === undefined) continue;
      const claimedAtMs = record.rescue?.atMs ?? Number.POSITIVE_INFINITY;
      const sinceMs = Math.min(rollingBackSinceMs ?? 0, claimedAtMs, this.#rescuedSinceMs);
      if (world.scheduler.nowMs - sinceMs > baseline.patience.capacityMs) continue;
      const isTooEarly = known.every((state) => {
        const route = state.routes[index] as RouteState;
        const ready = podsOf(state, 'source', route.route.source.cluster).filter(({ isReady }) => isReady).length;
        const isCarrying = route.groups.some((group) => sumsOf(group).target > 0);
        return isCarrying && ready < kept.sourcePods && isZero(route, 'target', weights);
      });
      if (isTooEarly) violate('5', `${what}: the source is smaller than it was, and its time to grow is not over`);
    }
  }

  /** The cloud controller has its time first. */
  #checkGlassTime(what: string): void {
    const { records, world, violate, hasRescue, hasLostStore, hasFailover } = this.#facts;
    // Who was frozen or overtaken in the middle of the trial of a rehearsal goes on with it, up to what was there before.
    const isTried = [...records.values()].some((record) => contextOf(record).triesGlass);
    if (hasRescue || hasLostStore || hasFailover || isTried) return;
    const isTime = [...records.values()].some((record) => {
      const { baseline, rollingBackSinceMs } = contextOf(record);
      const sinceMs = Math.min(
        rollingBackSinceMs ?? Number.POSITIVE_INFINITY,
        record.rescue?.atMs ?? Number.POSITIVE_INFINITY,
      );
      return baseline !== null && world.scheduler.nowMs - sinceMs >= baseline.patience.breakGlassMs;
    });
    if (!isTime) violate('5', `${what}: glass is broken before its time`);
  }

  /** Where nobody else changed anything, everything that happens at the CLB is our doing. */
  #clbChanged(author: Author, before: WorldState): void {
    const { world, violate, hasForeign, hasFailover } = this.#facts;
    if (hasForeign) return;
    const { state } = world;
    for (const [index, route] of state.routes.entries()) {
      for (const [at, group] of route.groups.entries()) {
        const old = before.routes[index] as RouteState;
        const was = healthySumsOf(before, old, old.groups[at] as GroupState);
        const is = healthySumsOf(state, route, group);
        if (author === 'ours' && old.groups[at] !== group) this.#setByUs.add(index);
        // What we set while no cluster answered, the controller undoes side by side: the source, told nothing yet, has none.
        const isUndone =
          author === 'controller' && this.#setByUs.has(index) && isZero(route, 'source', route.sides.source);
        if (was.source + was.target > 0 && is.source + is.target === 0 && !isUndone)
          violate('1', `${group.group} is dark`);
        const share = shareOf(sumsOf(group)) ?? 0;
        const most = Math.max(...(this.#ends.get(index) ?? [0]));
        if (!hasFailover && !this.#isContested && share > most + points) {
          violate(
            '1',
            `${group.group} has ${share.toFixed(1)} per cent; the ends are ${(this.#ends.get(index) ?? [0]).map((one) => one.toFixed(1)).join(', ')}`,
          );
        }
      }
    }
  }
}

function highest(sums: readonly Sums[]): number {
  return Math.max(0, ...sums.map((one) => shareOf(one) ?? 0));
}

function isZero({ sides }: RouteState, side: Side, weights: CarrierWeights): boolean {
  return sides[side].services.every(({ clusterId }) => weightFor(weights, clusterId) === '0');
}

/** Does the source demonstrably carry, or could it: what a rollback waits for. */
export function canCarry(state: WorldState, route: RouteState): boolean {
  return route.groups.every((group) =>
    group.backends.some((one) => one.side === 'source' && isSeenHealthy(state, route.sides.source.mode, one)),
  );
}
