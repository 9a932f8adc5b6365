import { isDeepStrictEqual } from 'node:util';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Split } from '../../src/domain/subset-route.ts';
import { contextOf, type Facts, isRollingBack, splitGoalFor } from './facts.ts';
import type { Instance } from './instance.ts';
import type { WorldState } from './state.ts';
import {
  carrierIn,
  fenceIn,
  type HttpRoute,
  hasPod,
  isSameSplit,
  type RoutingObject,
  type SplitState,
  shareAt,
  weightsIn,
} from './subset-state.ts';
import type { Author } from './world.ts';

const points = 0.01;
/** So much may come back at once to pods that are fewer than they were: in per cent at `to`. */
const half = 50;

/** Rules 1, 3, 5, 6, 9 and 10, on every write of route weights and on every change of a modelled VirtualService. */
export class SubsetRules {
  readonly #facts: Facts;
  /** Shares that each may have until the next one is verified: both ends of what is under way. */
  readonly #ends: number[][];
  #isForced = false;
  #emptiedAtMs = Number.NEGATIVE_INFINITY;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#ends = facts.world.state.splits.map((split) => [shareAt(weightsIn(split), split.route)]);
    facts.world.onSplit((index, author, before) => this.#changed(index, author, before));
  }

  /** A person's word that goes past the guards on pods and capacity. */
  force(): void {
    this.#isForced = true;
  }

  /** A way back that was kept is over. */
  emptied(): void {
    this.#emptiedAtMs = this.#facts.world.scheduler.nowMs;
  }

  /** @param isReached the end is reached, and what was before is no end any more */
  setEnd(index: number, share: number, isReached: boolean): void {
    this.#ends[index] = isReached ? [share] : [...(this.#ends[index] ?? []), share];
  }

  /** What is planned gives the share that the step asks for, as near as the spec wants it (rule 3). */
  planned(next: MigrationRecord): void {
    const { spec, splits, step } = contextOf(next);
    const asked = spec.steps[step]?.share;
    if (asked === undefined) return;
    for (const [index, split] of splits.entries()) {
      const route = spec.subsets[index];
      const share = route === undefined ? asked : shareAt(split, route);
      if (Math.abs(share - asked) > spec.tolerance)
        this.#facts.violate('3', `${next.name} plans ${share.toFixed(1)} per cent of ${route?.host}, not ${asked}`);
    }
  }

  writing(instance: Instance, index: number, split: Split, fence: number): void {
    const { world, violate } = this.#facts;
    const now = world.split(index);
    const what = `${instance.name} writes ${JSON.stringify(split)} of ${now.route.host} with fence ${fence}`;
    const held = fenceIn(now);
    if (held !== null && held > fence) violate('6', `${what} over fence ${held}`);
    const known = splitsOf(world.since(instance.knowsSinceMs()), index);
    this.#checkWeights(what, known, split);
    if (now.object === null && !this.#facts.hasForeign && !isAsToday(now, split))
      violate('7', `${what}: a new VirtualService does not say what was so before`);
    // Weights that nobody wrote yet, in words.
    if (carrierIn(now)?.split == null ? isAsToday(now, split) : isSameSplit(weightsIn(now), split)) return;
    this.#checkKept(what, instance);
    // Fences come with the weights of the baseline, whatever others made of them since it was read.
    if (this.#facts.hasForeign && this.#owner(now)?.state.startsWith('preflighting') === true) return;
    const isUncounted = instance.uncountedAtMs >= instance.knowsSinceMs();
    if (!this.#isForced && !isUncounted && known.every((state) => raisesUnserved(state, split)))
      violate('1', `${what}: a subset without a pod gets more`);
    // What a shift under way is to come to may be lost with the newest commits.
    if (!this.#facts.hasFailover && known.every((state) => this.#goesBeyond(state, index, split, fence)))
      violate('1', `${what}: beyond both ends`);
    if (!this.#isForced && !isUncounted) this.#checkCapacity(what, known, split);
  }

  /** Whole weights, some of them above 0; and what others of the host's subsets get is nobody's to change (rules 3, 10). */
  #checkWeights(what: string, known: readonly SplitState[], split: Split): void {
    const { world, violate } = this.#facts;
    const weights = Object.values(split);
    if (weights.some((weight) => !Number.isInteger(weight) || weight < 0)) violate('3', `${what}: no weights`);
    if (weights.every((weight) => weight === 0)) violate('1', `${what}: nothing carries`);
    const kept = [...world.kept.values()].flatMap(({ baseline }) => baseline?.subsets ?? []);
    const isOther = (state: SplitState, one: Split): boolean =>
      !isDeepStrictEqual(othersOf(state, one), othersOf(state, split));
    if (
      known.every(
        (state) =>
          isOther(state, weightsIn(state)) &&
          kept.every((one) => one.route.host !== state.route.host || isOther(state, one.split)),
      )
    )
      violate('10', `${what}: it changes what another subset gets`);
  }

  /** Who began to read before it was emptied goes on with that; a person's rescue does so to its end. */
  #checkKept(what: string, instance: Instance): void {
    const isKept =
      [...this.#facts.world.kept.values()].some(({ baseline }) => baseline !== null) ||
      this.#emptiedAtMs >= instance.knowsSinceMs();
    if (!isKept && !instance.name.startsWith('rescue')) this.#facts.violate('9', `${what}: no way back is kept`);
  }

  #owner(state: SplitState): MigrationRecord | undefined {
    return [...this.#facts.records.values()].find((record) => !record.isFinal && splitGoalFor(record, state) !== null);
  }

  #goesBeyond(state: SplitState, index: number, split: Split, fence: number): boolean {
    const owner = this.#owner(state);
    const goal = owner === undefined ? null : splitGoalFor(owner, state);
    if (owner === undefined || goal === null) return false;
    const { route } = state;
    // A write that was under way when the rollback began is of the step before.
    const isOfBefore = fence < (this.#facts.rollbackRevisions.get(owner.run) ?? 0);
    const ends = [...this.#sharesBefore(state), ...(isOfBefore ? (this.#ends[index] ?? []) : [])];
    return shareAt(split, route) > Math.max(shareAt(weightsIn(state), route), shareAt(goal, route), ...ends) + points;
  }

  /** What goes back may have more than the first step asked for: `to` need not have been without any. */
  #sharesBefore({ route }: SplitState): readonly number[] {
    const { world, records } = this.#facts;
    const kept = [...world.kept.values()].map(({ baseline }) => baseline);
    const stored = [...records.values()].map((record) => contextOf(record).baseline);
    return [...kept, ...stored]
      .flatMap((baseline) => baseline?.subsets ?? [])
      .filter((one) => one.route.host === route.host)
      .map((one) => shareAt(one.split, route));
  }

  /** Pods that are fewer than they were get half of the requests at first, and the rest when they had time to grow (rule 5). */
  #checkCapacity(what: string, known: readonly SplitState[], split: Split): void {
    const { world, records, violate } = this.#facts;
    for (const record of records.values()) {
      const { baseline, rollingBackSinceMs } = contextOf(record);
      if (!isRollingBack(record) || baseline === null) continue;
      const sinceMs = Math.min(rollingBackSinceMs ?? 0, record.rescue?.atMs ?? Number.POSITIVE_INFINITY);
      if (world.scheduler.nowMs - sinceMs > baseline.patience.capacityMs) continue;
      const isTooEarly = known.every((state) => {
        const kept = baseline.subsets.find(({ route }) => route.host === state.route.host);
        const pods = state.route.from.reduce((sum, name) => sum + (state.pods[name] ?? 0), 0);
        const share = shareAt(split, state.route);
        const isLowered = share < shareAt(weightsIn(state), state.route) - points;
        return kept !== undefined && isLowered && pods < kept.sourcePods && share < half - points;
      });
      if (isTooEarly) violate('5', `${what}: from has fewer pods than it had, and its time to grow is not over`);
    }
  }

  /** Everything of the object that is not about the weights of one route stays (rule 10); and never more than was asked (rule 1). */
  #changed(index: number, author: Author, before: WorldState): void {
    const { world, violate, hasForeign, hasFailover } = this.#facts;
    const [old, now] = [before.splits[index] as SplitState, world.split(index)];
    const name = `the VirtualService of ${now.route.host}`;
    if (author === 'ours' && old.object !== null) {
      if (now.object === null) violate('10', `${name} is gone`);
      else if (!isDeepStrictEqual(unmoved(old.object, now), unmoved(now.object, now)))
        violate('10', `of ${name} more than weights is changed`);
    }
    if (hasForeign || hasFailover) return;
    const ends = [...(this.#ends[index] ?? []), ...this.#sharesBefore(now)];
    const share = shareAt(weightsIn(now), now.route);
    if (share > Math.max(...ends) + points)
      violate(
        '1',
        `${name} gives ${share.toFixed(1)} per cent; the ends are ${ends.map((one) => one.toFixed(1)).join(', ')}`,
      );
  }
}

function splitsOf(states: readonly WorldState[], index: number): readonly SplitState[] {
  return states.flatMap(({ splits }) => splits[index] ?? []);
}

/** Whole weights come as near as one to the equal parts of requests that nobody divided. */
function isAsToday(state: SplitState, split: Split): boolean {
  const now = weightsIn(state);
  return Object.entries(split).every(([name, weight]) => Math.abs(weight - (now[name] ?? 0)) < 1);
}

function raisesUnserved(state: SplitState, split: Split): boolean {
  const now = weightsIn(state);
  return Object.entries(split).some(
    ([name, weight]) => name in state.pods && weight > (now[name] ?? 0) + points && !hasPod(state, name),
  );
}

function othersOf({ route }: SplitState, split: Split): readonly (readonly [string, number])[] {
  return Object.entries(split)
    .filter(([name, weight]) => weight > 0 && name !== route.to && !route.from.includes(name))
    .sort();
}

/** All that a write of weights leaves alone: other routes, and what a destination says beside its weight. */
function unmoved({ metadata, spec }: RoutingObject, { route }: SplitState): unknown {
  const { 'sluice.dev/fence': _fence, ...annotations } = metadata.annotations;
  const isMoved = (one: HttpRoute): boolean =>
    one.match === undefined && one.route.every(({ destination }) => destination.host === route.host);
  const http = spec.http.map((one) => {
    if (!isMoved(one)) return one;
    const { route: _route, ...rest } = one;
    return rest;
  });
  return { annotations, spec: { ...spec, http } };
}
