import { type ActorLogic, initialTransition, transition } from 'xstate';
import type { MigrationInput } from '../../state-machines/context.ts';
import { isMigrationEffect, type MigrationEffect } from '../../state-machines/effects.ts';
import type { MigrationEvent } from '../../state-machines/events.ts';
import { machineVersion, migrationMachine } from '../../state-machines/migration.ts';
import type { Notice } from '../domain/notice.ts';
import type { Command, Effect, MigrationRecord, Timer } from '../domain/record.ts';
import { claimsOf } from '../domain/spec.ts';
import type { HistoryEntry } from '../ports/migration-store.ts';
import { noticeOf } from './notices.ts';
import { type MachineSnapshot, restoreSnapshot, stateName, storeSnapshot } from './snapshot.ts';

/** A record after one event, with the lines that go into its history in the same commit. */
export interface Stepped {
  readonly record: MigrationRecord;
  readonly history: readonly HistoryEntry[];
}

/**
 * Notices that may wait for their channels at once. A chat that is down for hours must not make the record too large to
 * commit: the oldest of those that only inform are given up first.
 */
const deliveriesMax = 60;

/** Only one of these is under way at a time: the newer question makes the older one pointless. */
const driving: ReadonlySet<string> = new Set([
  ...['preflight', 'keepBaseline', 'shift', 'watch', 'restore', 'tryGlass', 'count', 'emptyBaseline', 'finish'],
]);

export interface Beginning extends MigrationInput {
  readonly atMs: number;
  /** Exceeds every fence found on the objects of the migration (rule 6). */
  readonly revision: number;
}

export function beginRecord({ atMs, revision, ...input }: Beginning): Stepped {
  const [snapshot, actions] = initialTransition(migrationMachine, input);
  const empty: MigrationRecord = {
    schema: 1,
    machineVersion,
    name: input.spec.name,
    run: input.run,
    revision: revision - 1,
    state: '',
    isFinal: false,
    createdAtMs: atMs,
    updatedAtMs: atMs,
    claims: claimsOf(input.spec),
    snapshot: null,
    timers: [],
    outbox: [],
  };
  return applied(empty, snapshot, actions, atMs);
}

/** One event through the machine; null where the machine has no use for it in this state. */
export function stepRecord(record: MigrationRecord, event: MigrationEvent): Stepped | null {
  if (record.isFinal) return null;
  const before = restoreSnapshot(record);
  const [after, actions] = transition(goingOnFrom(before), before, event);
  if (after === before) return null;
  return applied(record, after, actions, event.at);
}

/**
 * The machine for one transition. xstate makes an actor for it, with an initial state that is thrown away: of the machine
 * itself that would be computed from an input that is not there, an error made and swallowed for each event.
 */
function goingOnFrom(before: MachineSnapshot): ActorLogic<MachineSnapshot, MigrationEvent> {
  return {
    transition: (snapshot, event, scope) => migrationMachine.transition(snapshot, event, scope),
    getInitialSnapshot: () => before,
    getPersistedSnapshot: (snapshot) => snapshot,
  };
}

/** The machine's own delayed events that are due, one after the other; null where none is. */
export function fireTimers(record: MigrationRecord, atMs: number): Stepped | null {
  let stepped: Stepped | null = null;
  // Firing one may cancel or add others, so each round looks anew; a machine has fewer timers than this.
  for (let round = 0; round < 100; round++) {
    const current: Stepped = stepped ?? { record, history: [] };
    const due = earliest(current.record.timers.filter(({ dueAtMs }) => dueAtMs <= atMs));
    if (due === null) return stepped;
    const without = { ...current.record, timers: current.record.timers.filter(({ id }) => id !== due.id) };
    const next = stepRecord(without, { type: due.eventType, at: atMs } as unknown as MigrationEvent);
    stepped = {
      record: next?.record ?? without,
      history: [...current.history, ...(next?.history ?? [])],
    };
  }
  throw new Error(`the timers of ${record.name} do not come to rest`);
}

/** The watchdog's claim as the machine takes it: the rollback goes on, nothing else does. Null where there is none to meet. */
export function meetRescue(record: MigrationRecord, atMs: number): Stepped | null {
  const { rescue } = record;
  if (rescue === undefined || rescue.phase === 'met' || record.isFinal) return null;
  const met: MigrationRecord = { ...record, rescue: { ...rescue, phase: 'met' } };
  // In a rollback that is under way it changes nothing.
  return stepRecord(met, { type: 'watchdog.claimed', reason: rescue.reason, at: atMs }) ?? { record: met, history: [] };
}

/** The record without a command that was carried out. */
export function acknowledge(record: MigrationRecord, commandId: string): MigrationRecord {
  return { ...record, outbox: record.outbox.filter(({ id }) => id !== commandId) };
}

function applied(
  record: MigrationRecord,
  snapshot: MachineSnapshot,
  actions: readonly { readonly type: string; readonly params?: unknown }[],
  atMs: number,
): Stepped {
  const revision = record.revision + 1;
  const state = stateName(snapshot.value);
  let timers = record.timers;
  let outbox = record.outbox;
  const history: HistoryEntry[] = [];
  let pushed = 0;
  const push = (effect: Effect, inMs: number): void => {
    const id = `${record.name}/${record.run}/${revision}/${pushed}`;
    pushed += 1;
    const kept = driving.has(effect.type) ? outbox.filter((command) => !driving.has(command.effect.type)) : outbox;
    outbox = [...kept, { id, effect, revision, createdAtMs: atMs, dueAtMs: atMs + inMs, attempts: 0, note: null }];
  };
  for (const action of actions) {
    if (isTimerStart(action))
      timers = [...timers.filter(({ id }) => id !== action.params.id), timerOf(action.params, atMs)];
    else if (isTimerCancel(action)) timers = timers.filter(({ id }) => id !== action.params.sendId);
    else if (isMigrationEffect(action) && action.type === 'tell') {
      // With the time: a store that lost commits counts the same revisions again, and a receiver drops what it knows.
      const id = `${record.run}-${revision}-${history.length}-${atMs.toString(36)}`;
      const notice = noticeOf({ ...action.params, id, atMs, state, context: snapshot.context });
      history.push(historyOf(notice.kind, sentence(notice), record.run, revision, atMs));
      for (const channel of snapshot.context.spec.notify) push({ type: 'deliver', params: { channel, notice } }, 0);
    }
    // Type and params alone: the action of xstate carries the whole machine and a copy of the context along.
    else if (isMigrationEffect(action)) push({ type: action.type, params: action.params }, delayOf(action));
    else if (!isSpent(action)) throw new Error(`the machine used ${action.type}, which the engine gives no meaning to`);
  }
  const next: MigrationRecord = {
    ...record,
    revision,
    state,
    isFinal: snapshot.status === 'done',
    updatedAtMs: atMs,
    snapshot: storeSnapshot(snapshot),
    timers: snapshot.status === 'done' ? [] : timers,
    outbox: withoutSurplus(outbox),
  };
  return { record: next, history };
}

function withoutSurplus(outbox: readonly Command[]): readonly Command[] {
  const deliveries = outbox.filter(({ effect }) => effect.type === 'deliver');
  const surplus = deliveries.length - deliveriesMax;
  if (surplus <= 0) return outbox;
  const isInforming = ({ effect }: Command): boolean => (effect.params['notice'] as Notice).severity === 'info';
  const order = [...deliveries.filter(isInforming), ...deliveries.filter((one) => !isInforming(one))];
  const dropped = new Set(order.slice(0, surplus).map(({ id }) => id));
  return outbox.filter(({ id }) => !dropped.has(id));
}

export function historyOf(
  kind: string,
  text: string,
  run: string,
  revision: number,
  atMs: number,
  actor: string | null = null,
): HistoryEntry {
  return { run, revision, atMs, kind, text, actor };
}

function sentence(notice: { readonly title: string; readonly reason: string }): string {
  return notice.reason === '' ? notice.title : `${notice.title}: ${notice.reason}`;
}

function delayOf(effect: MigrationEffect): number {
  return effect.type === 'watch' || effect.type === 'count' ? effect.params.inMs : 0;
}

function earliest(timers: readonly Timer[]): Timer | null {
  return [...timers].sort((a, b) => a.dueAtMs - b.dueAtMs || (a.id < b.id ? -1 : 1))[0] ?? null;
}

interface TimerStart {
  readonly params: { readonly id: string; readonly delay: number; readonly event: { readonly type: string } };
}

function isTimerStart(action: { type: string; params?: unknown }): action is { type: string } & TimerStart {
  return action.type === 'xstate.raise' && typeof (action as unknown as TimerStart).params.delay === 'number';
}

function isTimerCancel(action: { type: string; params?: unknown }): action is {
  type: string;
  params: { readonly sendId: string };
} {
  return action.type === 'xstate.cancel';
}

/** A raise without delay comes along in the list although the machine has consumed it already. */
function isSpent(action: { readonly type: string }): boolean {
  return action.type === 'xstate.raise';
}

function timerOf({ id, delay, event }: TimerStart['params'], atMs: number): Timer {
  return { id, dueAtMs: atMs + delay, eventType: event.type };
}
