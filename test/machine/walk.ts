import { isDeepStrictEqual } from 'node:util';
import { decodeRecord, encodeRecord } from '../../src/adapters/memory/stored-record.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Spec } from '../../src/domain/spec.ts';
import { isOpen } from '../../src/domain/window.ts';
import { contextOf } from '../../src/engine/snapshot.ts';
import { acknowledge, beginRecord, fireTimers, type Stepped, stepRecord } from '../../src/engine/step.ts';
import { isMigrationEffect } from '../../state-machines/effects.ts';
import { alphabet, letters, spelled } from './alphabet.ts';
import { outcomesOf } from './table.ts';

/** Walks the machine through the engine's step: between every two events the record is written down and read again. */

export interface Place {
  readonly record: MigrationRecord;
  readonly atMs: number;
  /** How it was come to, from the beginning. */
  readonly path: readonly string[];
}

export interface Edge {
  readonly from: string;
  /** Type of the event, or `after <delay>`. */
  readonly event: string;
  readonly to: string;
}

export interface Walk {
  readonly places: ReadonlyMap<string, Place>;
  readonly edges: readonly Edge[];
  /** What was found wrong, each with its path; at most 20. */
  readonly problems: readonly string[];
}

const placesMax = 20_000;
const problemsMax = 20;
const beganAtMs = 1_000_000;
/** What is told while the command stays and is tried again. */
const againTypes: ReadonlySet<string> = new Set(['restore.blocked', 'restore.brokeGlass']);
const typeByLetter = new Map(Object.entries(alphabet).flatMap(([type, own]) => own.map(({ name }) => [name, type])));

/** Every place that can be come to, each by a shortest path, with every event in every place. */
export function walk(spec: Spec, isRehearsal = false): Walk {
  const first = begin(spec, isRehearsal);
  const places = new Map([[keyOf(first), first]]);
  const edges: Edge[] = [];
  const problems: string[] = [...problemsOf(first, null), ...heeded(first)];
  const states = new Set([first.record.state]);
  // A Map goes on over what is added while it is gone through: breadth first.
  for (const [from, place] of places) {
    for (const [by, next] of stepsFrom(place)) {
      if (next === null) continue;
      const event = typeByLetter.get(by) ?? by;
      problems.push(...untold(place, event, next));
      const to = keyOf(next);
      edges.push({ from, event, to });
      if (places.has(to)) continue;
      places.set(to, next);
      problems.push(...problemsOf(next, place), ...(states.has(next.record.state) ? [] : heeded(next)));
      states.add(next.record.state);
    }
    if (places.size > placesMax) throw new Error(`more than ${placesMax} places`);
    if (problems.length >= problemsMax) break;
  }
  return { places, edges, problems: problems.slice(0, problemsMax) };
}

/** The places from which a final state can be come to. */
export function endingPlaces({ places, edges }: Walk): ReadonlySet<string> {
  const ending = new Set([...places].filter(([, { record }]) => record.isFinal).map(([key]) => key));
  const before = new Map<string, string[]>();
  for (const { from, to } of edges) before.set(to, [...(before.get(to) ?? []), from]);
  for (const key of ending) for (const from of before.get(key) ?? []) ending.add(from);
  return ending;
}

function begin(spec: Spec, isRehearsal: boolean): Place {
  const begun = beginRecord({ spec, isRehearsal, run: 'run-1', watchEveryMs: 5_000, atMs: beganAtMs, revision: 7 });
  return { record: begun.record, atMs: beganAtMs, path: [] };
}

/** Every step that can be taken: each event, the timers that come first, and a long wait where hours matter. */
function stepsFrom(place: Place): readonly (readonly [string, Place | null])[] {
  const stored = storedAndRead(place.record);
  const context = contextOf(stored);
  const atMs = place.atMs + 1_000;
  // What the table says is ignored is tried once in each state (heeded).
  const taken = letters.filter(({ name }) => isInTable(stored.state, name));
  const byEvents = taken.map((letter) => {
    const event = spelled(letter, context, atMs);
    const answered = 'question' in event && !againTypes.has(event.type) ? withoutDriving(stored) : stored;
    return [letter.name, placed(place, letter.name, stepRecord(answered, event), atMs)] as const;
  });
  const dueMs = Math.min(...stored.timers.map(({ dueAtMs }) => dueAtMs));
  const timer = stored.timers.find(({ dueAtMs }) => dueAtMs === dueMs);
  const byTimer =
    timer === undefined
      ? []
      : [
          [
            timerName(timer.eventType),
            placed(place, timerName(timer.eventType), fireTimers(stored, dueMs), dueMs),
          ] as const,
        ];
  return [...byEvents, ...byTimer, ...waits(place, context.spec)];
}

/** An hour passes where windows open and shut, as far as no timer comes first. */
function waits(place: Place, { windows }: Spec): readonly (readonly [string, Place])[] {
  const atMs = place.atMs + 3_600_000;
  if (windows.length === 0 || place.record.timers.some(({ dueAtMs }) => dueAtMs <= atMs)) return [];
  return [['an hour passes', { ...place, atMs, path: [...place.path, 'an hour passes'] }]];
}

function placed(before: Place, by: string, stepped: Stepped | null, atMs: number): Place | null {
  return stepped === null ? null : { record: stepped.record, atMs, path: [...before.path, by] };
}

/** As the engine does it: an answer and the acknowledgement of its command are one commit. */
function withoutDriving(record: MigrationRecord): MigrationRecord {
  const answered = record.outbox.find(({ effect }) => effect.type !== 'deliver');
  return answered === undefined ? record : acknowledge(record, answered.id);
}

function storedAndRead(record: MigrationRecord): MigrationRecord {
  return decodeRecord(record.name, record.revision, encodeRecord(record, record.revision - 1).text);
}

/** What must hold of every record, wherever it is. */
function problemsOf({ record, path }: Place, before: Place | null): readonly string[] {
  const where = `${record.state} after ${path.join(', ') || 'the beginning'}`;
  const context = contextOf(record);
  const driving = record.outbox.filter(({ effect }) => effect.type !== 'deliver');
  const questions = driving.map(({ effect }) => effect.params['question']);
  const claims: readonly (readonly [boolean, string])[] = [
    [isDeepStrictEqual(storedAndRead(record), record), 'is another once it is stored'],
    [driving.every(({ effect }) => isMigrationEffect(effect)), 'has a command that nothing carries out'],
    [driving.length <= 1, 'has two driving commands'],
    [questions.every((question) => question === context.question), 'drives an older question'],
    [!record.isFinal || record.timers.length === 0, 'is final and has timers'],
    [!record.isFinal || driving.every(({ effect }) => effect.type === 'finish'), 'is final and goes on'],
    [record.isFinal || driving.length + record.timers.length > 0, 'waits for nothing'],
    [
      before === null || record.revision === before.record.revision + 1 || record === before.record,
      'has a wrong revision',
    ],
    [context.deadlineLeftMs >= 0 && context.deadlineLeftMs <= context.spec.deadlineMs, 'has a wrong deadline'],
  ];
  return claims.filter(([holds]) => !holds).map(([, text]) => `${where}: ${text}`);
}

/** What a state must not heed: what the table says it ignores, answers to older questions, and what is no event at all. */
function heeded({ record, path }: Place): readonly string[] {
  const context = contextOf(record);
  const stale = { ...context, question: context.question - 1 };
  const at = record.updatedAtMs + 1;
  const old = letters
    .filter((letter) => 'question' in letter.says(stale))
    .map((letter) => ({ letter, context: stale }));
  const ignored = letters.filter(({ name }) => !isInTable(record.state, name)).map((letter) => ({ letter, context }));
  const taken = [...old, ...ignored].filter(
    ({ letter, context }) => stepRecord(record, spelled(letter, context, at)) !== null,
  );
  const none = stepRecord(record, { type: 'nobody.said.this', at } as never) === null ? [] : ['an event that is none'];
  const what = [...taken.map(({ letter, context }) => `${context === stale ? 'an old ' : ''}${letter.name}`), ...none];
  return what.map((text) => `${record.state} after ${path.join(', ')}: takes ${text}`);
}

function isInTable(state: string, letter: string): boolean {
  return outcomesOf(state, typeByLetter.get(letter) ?? letter).size > 0;
}

/** What happened must be what the reviewed table says. */
function untold(before: Place, event: string, after: Place): readonly string[] {
  if (after.record === before.record) return [];
  return outcomesOf(before.record.state, event).has(after.record.state)
    ? []
    : [`${before.record.state} ${event} -> ${after.record.state}: the table does not say so`];
}

function timerName(eventType: string): string {
  return `after ${/^xstate\.after\.(\w+)\./.exec(eventType)?.[1]}`;
}

/** Places that differ in nothing that a guard still asks for are one. */
function keyOf({ record, atMs }: Place): string {
  const context = contextOf(record);
  if (record.isFinal) return record.state;
  const glass = [context.triesGlass, context.glassTried === null];
  const way = [record.state, context.isForced, ...glass];
  if (!goesForward(record.state)) return JSON.stringify([...way, context.blockedBy, context.brokeGlass]);
  return JSON.stringify([
    ...way,
    context.step,
    context.hold?.cause,
    context.skipsBakes,
    context.holdWhenVerified !== null,
    context.goalsOf === context.question,
    context.answeredDrift,
    context.probes.map(({ failuresInRow }) => failuresInRow > 0),
    record.timers.map(({ eventType }) => eventType),
    isOpen(context.spec.windows, atMs),
  ]);
}

/** On the way back nothing is asked of the step, the drift or the probes any more. */
function goesForward(state: string): boolean {
  return !['rollingBack', 'tryingGlass', 'stuck', 'completed'].includes(state);
}
