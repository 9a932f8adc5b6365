import type { MemoryContents } from '../../src/adapters/memory/store.ts';
import type { RouteGoal } from '../../src/domain/agreement.ts';
import type { Baseline } from '../../src/domain/baseline.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { stagesOf } from '../../src/domain/stages.ts';
import { type Split, virtualServiceName } from '../../src/domain/subset-route.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';
import type { MigrationContext } from '../../state-machines/context.ts';
import type { Instance } from './instance.ts';
import type { Scenario } from './scenario.ts';
import {
  type GroupState,
  type RouteState,
  type SideState,
  shareOf,
  spread,
  sumsOf,
  type WorldState,
  wantedBackends,
  weightFor,
} from './state.ts';
import { carrierIn, isSameSplit, type SplitState } from './subset-state.ts';
import type { Trace } from './trace.ts';
import type { Weather } from './weather.ts';
import type { World } from './world.ts';

const roundingError = 0.01;

/** What may take so long although nothing stands in its way: two ticks of a function, and what a look needs. */
export const slackMs = 150_000;

/** One commit of a record, and who made it. */
export interface Commit {
  readonly instance: Instance;
  /** What was there, of this run or of one before; null at a name's first. */
  readonly before: MigrationRecord | null;
  readonly next: MigrationRecord;
  readonly history: readonly HistoryEntry[];
}

/** What the rules look at: the world as it is modelled, and what was committed. */
export interface Facts {
  readonly world: World;
  readonly weather: Weather;
  readonly scenario: Scenario;
  readonly records: ReadonlyMap<string, MigrationRecord>;
  readonly contents: MemoryContents;
  readonly samples: readonly Sample[];
  /** Others change pods, weights or nodes in this run. */
  readonly hasForeign: boolean;
  readonly hasFailover: boolean;
  readonly hasLostStore: boolean;
  readonly hasRescue: boolean;
  /** By run: the revision with which its rollback began. */
  readonly rollbackRevisions: Map<string, number>;
  readonly trace: Trace;
  readonly hit: (what: string) => void;
  readonly violate: (rule: string, text: string) => void;
}

/** As it was stored: every record of a run was written by this version of the machine. */
export function contextOf({ snapshot }: Pick<MigrationRecord, 'snapshot'>): MigrationContext {
  return (snapshot as { readonly context: MigrationContext }).context;
}

/** Taken as somebody had set the source to 0: no rollback may bring that back (rule 1). */
export function isDark(baseline: Baseline | null): boolean {
  return baseline?.routes.some(({ source, target }) => source.weight === '0' && target.weight === '0') ?? false;
}

const rollbackStates: ReadonlySet<string> = new Set(['rollingBack', 'tryingGlass', 'stuck', 'rolledBack']);

/** By a person. */
export function isToldToGoOn(history: readonly HistoryEntry[]): boolean {
  return history.some(({ kind, text }) => kind === 'command' && /^(resume|promote|approve|retry)/.test(text));
}

export function isRollingBack({ state }: Pick<MigrationRecord, 'state'>): boolean {
  return rollbackStates.has(state);
}

/** What a migration wants of a route now: its baseline on the way back, else what was planned last; null before both. */
export function goalFor(record: MigrationRecord, route: RouteState): RouteGoal | null {
  const { spec, goals, baseline } = contextOf(record);
  const index = spec.routes.findIndex(({ loadBalancer }) => loadBalancer === route.route.loadBalancer);
  if (index < 0) return null;
  if (isRollingBack(record)) return baseline?.routes[index] ?? null;
  return goals[index] ?? baseline?.routes[index] ?? null;
}

/** The share that the stage under way asks of a route; null where it is of another migration, or nothing is asked yet. */
export function askedOf(record: MigrationRecord, { route }: RouteState): number | null {
  const { spec, step } = contextOf(record);
  const index = spec.routes.findIndex(({ loadBalancer }) => loadBalancer === route.loadBalancer);
  return stagesOf(spec)[step]?.shares[index] ?? null;
}

/** What was written may be there, and no longer be the share that was asked: backends came or went (rule 3). */
export function missedShare(record: MigrationRecord, { routes }: WorldState): string | null {
  const { tolerance } = contextOf(record).spec;
  for (const route of routes) {
    const asked = askedOf(record, route);
    for (const group of asked === null ? [] : route.groups) {
      const share = shareOf(sumsOf(group));
      if (share !== null && Math.abs(share - (asked ?? 0)) > tolerance + roundingError)
        return `${group.group} has ${share.toFixed(1)} per cent, asked were ${asked}`;
    }
  }
  return null;
}

/** The same of the subsets of a host. */
export function splitGoalFor(record: MigrationRecord, { route }: SplitState): Split | null {
  const { spec, splits, baseline } = contextOf(record);
  const name = virtualServiceName(route);
  const index = spec.subsets.findIndex((one) => virtualServiceName(one) === name);
  if (index < 0) return null;
  const before = baseline?.subsets[index]?.split ?? null;
  return isRollingBack(record) ? before : (splits[index] ?? before);
}

/** What everything that moves is to be like. */
export interface Goals {
  readonly route: (route: RouteState) => RouteGoal | null;
  readonly split: (split: SplitState) => Split | null;
}

export function goalsOf(record: MigrationRecord): Goals {
  return { route: (route) => goalFor(record, route), split: (split) => splitGoalFor(record, split) };
}

/** As it was before. */
export function goalsBefore({ routes, subsets }: Baseline): Goals {
  return {
    route: (route) => routes.find((one) => one.route.loadBalancer === route.route.loadBalancer) ?? null,
    split: (split) =>
      subsets.find((one) => virtualServiceName(one.route) === virtualServiceName(split.route))?.split ?? null,
  };
}

/** Does the CLB have, for each backend that is to be there, the weight that the goal gives? */
function clbAgrees(state: WorldState, route: RouteState, group: GroupState, goal: RouteGoal): boolean {
  return (['source', 'target'] as const).every((side) => {
    const own = route.sides[side];
    return own.services.every(({ cluster, clusterId }) => {
      const weight = weightFor(goal[side], clusterId);
      const there = group.backends.filter((one) => one.side === side && one.cluster === cluster);
      if (there.length === 0) return weight === '0' || wantedBackends(state, side, own, cluster).length === 0;
      // Predicted for the backends that are there: pods that come or go are the controller's to follow.
      const pods = new Map(wantedBackends(state, side, own, cluster).map((one) => [one.address, one]));
      const known = there.map((one) => {
        const address = own.mode === 'eni' ? one.serverIp : one.serverId;
        return pods.get(address) ?? { address, pods: 1 };
      });
      return spread(weight, own.mode, known).every((one, index) => one === there[index]?.weight);
    });
  });
}

/** Do the objects that carry the weights, and the Services that follow, say what the goal says? */
export function objectsAgree(route: RouteState, goal: RouteGoal): boolean {
  return (['source', 'target'] as const).every((side) => {
    const own = route.sides[side];
    const isWritten = own.weight === goal[side].weight && overridesAgree(own, goal[side].overrides);
    return isWritten && own.services.every(({ clusterId, weight }) => weight === weightFor(goal[side], clusterId));
  });
}

function overridesAgree(own: SideState, wanted: Readonly<Record<string, string | null>>): boolean {
  return Object.entries(own.overrides).every(([id, weight]) => !(id in wanted) || weight === wanted[id]);
}

/** Was there a moment at which each of the routes, group by group, was as its goal says? And each split? */
export function wasAsAsked(states: readonly WorldState[], { route: goals, split: splits }: Goals): string | null {
  for (const [index, { route }] of (states[0] as WorldState).splits.entries()) {
    const isSeen = states.some((state) => isSplitAsAsked(state.splits[index] as SplitState, splits));
    if (!isSeen) return `the weights of ${route.host} were never so`;
  }
  for (const [index, route] of (states[0] as WorldState).routes.entries()) {
    if (goals(route) === null) continue;
    for (const [at, { group }] of route.groups.entries()) {
      const isSeen = states.some((state) => {
        const now = state.routes[index] as RouteState;
        const goal = goals(now);
        return goal !== null && clbAgrees(state, now, now.groups[at] as GroupState, goal);
      });
      if (!isSeen) return `${group} at the CLB was never so`;
    }
    const isWritten = states.some((state) => {
      const now = state.routes[index] as RouteState;
      const goal = goals(now);
      return goal !== null && objectsAgree(now, goal);
    });
    if (!isWritten) return `the objects of ${route.route.loadBalancer} were never so`;
  }
  return null;
}

/** What nobody asks anything of is as asked. What is not written is not as asked, however requests are divided. */
function isSplitAsAsked(state: SplitState, goalOf: Goals['split']): boolean {
  const [goal, found] = [goalOf(state), carrierIn(state)?.split ?? null];
  return goal === null || (found !== null && isSameSplit(found, goal));
}
