import { dueAtMs, type MigrationRecord } from '../../domain/record.ts';
import { TerminalError, UnreadableRecordError } from '../../ports/errors.ts';
import type { HistoryEntry, Holder } from '../../ports/migration-store.ts';

/**
 * How records, history and claims are written down, and their bounds (rule 12): the same in every store, so that what
 * one store takes, each of them takes.
 */
const recordBytesMax = 256 * 1024;
/** Entries of history kept for each name. */
export const historyMax = 500;
/** Rows that one listing gives. */
const rowsMax = 100_000;
const claimsMax = 1_000;
const claimLengthMax = 512;
const historyTextMax = 2_000;
const historyWordMax = 200;
const printable = /^[\x21-\x7e]{1,253}$/;

/** A record ready to be stored. */
export interface EncodedRecord {
  readonly text: string;
  /** When it wants to be looked at next, by the store's clock; null: not by itself. */
  readonly dueAtMs: number | null;
}

/**
 * @param textOf another way to the same text
 * @throws TerminalError when the record breaks a bound or its revision does not grow
 */
export function encodeRecord(
  next: MigrationRecord,
  expectedRevision: number,
  textOf: (record: MigrationRecord) => string = JSON.stringify,
): EncodedRecord {
  checkName(next.name);
  const where = `record of migration "${next.name}"`;
  if (!Number.isSafeInteger(next.revision) || next.revision <= expectedRevision || expectedRevision < 0) {
    throw new TerminalError(`${where}: revision ${next.revision} does not follow ${expectedRevision}`);
  }
  const text = textOf(next);
  const bytes = Buffer.byteLength(text);
  if (bytes > recordBytesMax) {
    throw new TerminalError(`${where} has ${bytes} bytes; the limit is ${recordBytesMax}`);
  }
  const due = dueAtMs(next);
  if (due !== null && !Number.isFinite(due)) throw new TerminalError(`${where}: a due time is not a number`);
  return { text, dueAtMs: due };
}

/** @throws UnreadableRecordError; the message says why and shows nothing of the content */
export function decodeRecord(name: string, revision: number | null, text: string | null): MigrationRecord {
  return checkedRecord(name, revision, parse(text ?? '', `record of migration "${name}"`));
}

/** What was read of a record's text. @throws as decodeRecord */
export function checkedRecord(name: string, revision: number | null, value: unknown): MigrationRecord {
  const problem = problemOf(value, name, revision);
  if (problem !== null) throw new UnreadableRecordError(`record of migration "${name}" cannot be read: ${problem}`);
  return value as MigrationRecord;
}

/**
 * One line of history. Long texts are cut, not refused: the entry travels with the commit, and a rollback must not fail
 * on a long sentence.
 */
export function encodeEntry(entry: HistoryEntry): string {
  return JSON.stringify({
    run: cut(entry.run, historyWordMax),
    revision: entry.revision,
    atMs: entry.atMs,
    kind: cut(entry.kind, historyWordMax),
    text: cut(entry.text, historyTextMax),
    actor: entry.actor === null ? null : cut(entry.actor, historyWordMax),
  } satisfies HistoryEntry);
}

/** @throws UnreadableRecordError */
export function decodeEntry(name: string, text: string): HistoryEntry {
  return parse(text, `history of migration "${name}"`) as HistoryEntry;
}

/** The holder as it is stored beside a claim; equal holders have equal texts. */
export function encodeHolder({ name, run }: Holder): string {
  return JSON.stringify({ name, run });
}

/** @throws UnreadableRecordError */
export function decodeHolder(claim: string, text: string): Holder {
  return parse(text, `holder of claim "${claim}"`) as Holder;
}

/** @throws TerminalError on a name that no migration can have */
export function checkName(name: string): void {
  if (printable.test(name)) return;
  throw new TerminalError('name of a migration: 1 to 253 printable ASCII characters without spaces are allowed');
}

/** @throws TerminalError when there are too many claims, or one is empty or too long */
export function checkClaims(claims: readonly string[]): void {
  if (claims.length > claimsMax) throw new TerminalError(`${claims.length} claims at once; the limit is ${claimsMax}`);
  const wrong = claims.findIndex((claim) => claim.length === 0 || claim.length > claimLengthMax);
  if (wrong >= 0) throw new TerminalError(`claims[${wrong}]: 1 to ${claimLengthMax} characters are allowed`);
}

/** A number of rows that can be given. */
/** @throws TerminalError on a lease that cannot be stored as it is */
export function checkLease(thing: string, holder: string, forMs: number): void {
  for (const [what, text] of Object.entries({ thing, holder })) {
    if (text === '' || text.length > 512) throw new TerminalError(`the ${what} of a lease: 1 to 512 characters`);
  }
  if (!(forMs > 0 && forMs <= 3_600_000))
    throw new TerminalError(`a lease of ${forMs} ms: more than 0, at most an hour`);
}

export function boundedRows(limit: number, max = rowsMax): number {
  return Math.max(0, Math.min(Math.floor(limit), max));
}

function problemOf(value: unknown, name: string, revision: number | null): string | null {
  if (typeof value !== 'object' || value === null) return 'it is not an object';
  const fields = value as Readonly<Record<string, unknown>>;
  if (fields['schema'] !== 1)
    return `its schema is ${JSON.stringify(fields['schema'])?.slice(0, 20)}, this version knows 1`;
  if (fields['name'] !== name) return 'it carries another name';
  if (revision === null) return 'it has no revision beside it';
  if (fields['revision'] !== revision) return `it carries another revision than the ${revision} beside it`;
  const wrong = Object.entries(fieldTypes).find(([field, isRight]) => !isRight(fields[field]));
  return wrong ? `its field ${wrong[0]} is missing or of a wrong type` : null;
}

const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) => typeof value === 'number';
const hasDueTimes = (value: unknown) =>
  Array.isArray(value) && value.every((one) => typeof (one as { dueAtMs?: unknown } | null)?.dueAtMs === 'number');

const fieldTypes: Readonly<Record<string, (value: unknown) => boolean>> = {
  machineVersion: isNumber,
  run: isText,
  state: isText,
  isFinal: (value) => typeof value === 'boolean',
  createdAtMs: isNumber,
  updatedAtMs: isNumber,
  claims: (value) => Array.isArray(value) && value.every(isText),
  timers: hasDueTimes,
  outbox: hasDueTimes,
};

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the content, which does not belong into a log.
    throw new UnreadableRecordError(`${what} cannot be read: it is not JSON`);
  }
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
