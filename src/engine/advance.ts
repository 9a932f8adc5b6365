import type { MigrationEvent } from '../../state-machines/events.ts';
import { type Command, dueAtMs, type MigrationRecord } from '../domain/record.ts';
import { ConflictError } from '../ports/errors.ts';
import type { HistoryEntry } from '../ports/migration-store.ts';
import type { Ports } from '../ports/ports.ts';
import { carryOut } from './carry-out.ts';
import type { Outcome } from './outcome.ts';
import { acknowledge, fireTimers, historyOf, meetRescue, stepRecord } from './step.ts';

/**
 * While an invocation carries out a command, others leave it alone for so long; after a crash somebody takes it over.
 * It saves work and is no lock: two that carry out the same command are told apart by their fences.
 */
const leaseMs = 15_000;
/** Notes are for people and stored with every commit. */
const noteLengthMax = 500;
const commitsMax = 20;
const roundsMax = 2_000;
/** Work that is due this soon is waited for; anything later is for the next look at the due index. */
const lingerMsDefault = 1_500;

export interface Advanced {
  /** When the record wants to be looked at next; null when nothing is left, or there is no such record. */
  readonly dueAtMs: number | null;
}

/**
 * Goes on with one migration: fires due timers, carries out due commands and feeds their results back, until it is
 * quiet or `untilMs` (this machine's clock) is near. Safe to run any number of times at once.
 */
export async function advance(
  ports: Ports,
  name: string,
  untilMs: number,
  lingerMs = lingerMsDefault,
): Promise<Advanced> {
  const running = new Map<string, Promise<Finished>>();
  for (let round = 0; round < roundsMax; round++) {
    const isTimeLeft = ports.clock.now() < untilMs;
    const record = await update(ports, name, (current, atMs) => takeDue(current, atMs, isTimeLeft, running));
    if (record === null) return { dueAtMs: null };
    for (const command of record.taken) {
      running.set(command.id, finish(ports, record.next, command, record.atMs));
    }
    if (running.size === 0) {
      const due = dueAtMs(record.next);
      const inMs = due === null ? null : due - record.atMs;
      if (!isTimeLeft || inMs === null || inMs > lingerMs) return { dueAtMs: due };
      await ports.clock.sleep(Math.max(0, inMs));
      continue;
    }
    const finished = await Promise.race(running.values());
    running.delete(finished.command.id);
    await update(ports, name, (current, atMs) => apply(current, finished, atMs));
  }
  return { dueAtMs: null };
}

/** Commits one event of a person or of the outside. Null where the machine has no use for it in this state. */
export async function commitEvent(
  ports: Ports,
  name: string,
  eventAt: (atMs: number) => MigrationEvent,
  audit: (record: MigrationRecord, atMs: number) => readonly HistoryEntry[],
): Promise<MigrationRecord | null> {
  const updated = await update(ports, name, (current, atMs) => {
    const fired = fireTimers(current, atMs) ?? { record: current, history: [] };
    const stepped = stepRecord(fired.record, eventAt(atMs));
    if (stepped === null) return { next: current, history: [], isRefused: true };
    return { next: stepped.record, history: [...fired.history, ...audit(stepped.record, atMs), ...stepped.history] };
  });
  return updated === null || updated.isRefused === true ? null : updated.next;
}

interface Change {
  readonly next: MigrationRecord;
  readonly history: readonly HistoryEntry[];
  readonly taken?: readonly Command[];
  readonly isRefused?: boolean;
}

interface Updated extends Change {
  readonly taken: readonly Command[];
  readonly atMs: number;
}

/** Load, change, compare-and-set; again from the start when somebody was faster. Null: no such record. */
async function update(
  ports: Pick<Ports, 'store'>,
  name: string,
  change: (current: MigrationRecord, atMs: number) => Change,
): Promise<Updated | null> {
  for (let attempt = 0; attempt < commitsMax; attempt++) {
    const [stored, atMs] = await Promise.all([ports.store.load(name), ports.store.now()]);
    if (stored === null) return null;
    // Before anything else is done with it, so that no timer, answer or person goes on past the watchdog's claim.
    const met = meetRescue(stored, atMs);
    const current = met?.record ?? stored;
    const changed = change(current, atMs);
    const history = [...(met?.history ?? []), ...changed.history];
    const updated = { taken: [], ...changed, history, atMs };
    if (changed.next === stored && history.length === 0) return updated;
    // Every commit raises the revision: it is the fence of the writes that follow.
    const next = {
      ...changed.next,
      revision: Math.max(changed.next.revision, stored.revision + 1),
      updatedAtMs: atMs,
    };
    if (await ports.store.commit(next, stored.revision, history)) return { ...updated, next };
  }
  throw new ConflictError(`${name} was changed by others ${commitsMax} times in a row`);
}

/** Fires due timers and takes the due commands for this invocation, in one commit. */
function takeDue(
  current: MigrationRecord,
  atMs: number,
  isTimeLeft: boolean,
  running: ReadonlyMap<string, unknown>,
): Change {
  const fired = fireTimers(current, atMs) ?? { record: current, history: [] };
  const isDue = (command: Command): boolean => isTimeLeft && command.dueAtMs <= atMs && !running.has(command.id);
  const taken = fired.record.outbox
    .filter(isDue)
    .map((command) => ({ ...command, attempts: command.attempts + 1, dueAtMs: atMs + leaseMs }));
  if (taken.length === 0) return { next: fired.record, history: fired.history };
  const outbox = fired.record.outbox.map((command) => taken.find(({ id }) => id === command.id) ?? command);
  return { next: { ...fired.record, outbox }, history: fired.history, taken };
}

interface Finished {
  readonly command: Command;
  readonly outcome: Outcome;
}

async function finish(ports: Ports, record: MigrationRecord, command: Command, atMs: number): Promise<Finished> {
  return { command, outcome: await carryOut(ports, record, command, atMs) };
}

/** Acknowledges and steps in one commit: a result is never lost between the two. */
function apply(current: MigrationRecord, { command, outcome }: Finished, atMs: number): Change {
  const isWanted = current.outbox.some(({ id }) => id === command.id);
  // A newer question has replaced the command: its answer is of no use to anybody.
  if (!isWanted) return { next: current, history: [] };
  switch (outcome.kind) {
    case 'answer': {
      const acknowledged = acknowledge(current, command.id);
      const stepped = stepRecord(acknowledged, { ...outcome.event, at: atMs });
      return { next: stepped?.record ?? acknowledged, history: stepped?.history ?? [] };
    }
    case 'tellAndAgain': {
      const postponed = postpone(current, command.id, atMs + outcome.inMs, outcome.note);
      const stepped = stepRecord(postponed, { ...outcome.event, at: atMs });
      return { next: stepped?.record ?? postponed, history: stepped?.history ?? [] };
    }
    case 'done':
      return { next: acknowledge(current, command.id), history: [] };
    case 'again':
      return { next: postpone(current, command.id, atMs + outcome.inMs, outcome.note), history: [] };
    case 'dropped': {
      const line = historyOf('notice.dropped', outcome.text, current.run, current.revision + 1, atMs);
      return { next: acknowledge(current, command.id), history: [line] };
    }
    case 'fenced':
      return overtaken(current, command, outcome.fence, atMs);
    default:
      return outcome satisfies never;
  }
}

/** What ends by a higher fence: a shift is held, and a start before anything moved is refused. */
const overtakenBy: Readonly<Record<string, 'shift.overtaken' | 'baseline.notKept'>> = {
  shift: 'shift.overtaken',
  keepBaseline: 'baseline.notKept',
};

/**
 * Usually this invocation is the older one, and the record is ahead of the fence: it just tries again with it. Else
 * somebody rescued, or the store lost commits: the record goes on above the fence, and going forward is never fought for.
 */
function overtaken(current: MigrationRecord, command: Command, fence: number, atMs: number): Change {
  const text = `an object carries fence ${fence}: somebody rescued, or the store lost commits`;
  const postponed = postpone(current, command.id, atMs, text);
  if (current.revision >= fence) return { next: postponed, history: [] };
  const raised = { ...postponed, revision: fence };
  const line = historyOf('fence.raised', text, current.run, fence + 1, atMs);
  const type = overtakenBy[command.effect.type];
  const question = command.effect.params['question'];
  if (type === undefined || typeof question !== 'number') {
    return { next: { ...raised, revision: fence + 1 }, history: [line] };
  }
  const stepped = stepRecord(acknowledge(raised, command.id), { type, question, reason: text, at: atMs });
  return { next: stepped?.record ?? raised, history: [line, ...(stepped?.history ?? [])] };
}

function postpone(record: MigrationRecord, id: string, untilMs: number, text: string): MigrationRecord {
  const note = text.slice(0, noteLengthMax);
  const outbox = record.outbox.map((command) => (command.id === id ? { ...command, dueAtMs: untilMs, note } : command));
  return { ...record, outbox };
}
