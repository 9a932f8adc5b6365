import type { Alert } from '../../domain/alert.ts';
import { TerminalError } from '../../ports/errors.ts';

/** Reports kept for each name; beyond them the oldest go. */
export const reportsKeptMax = 500;
/** How long a report is kept: the monitoring repeats what is firing at least once a day. */
export const reportsWindowMs = 2 * 24 * 60 * 60 * 1000;
const textMax = 500;
const idMax = 200;

/** A report as one line of JSON. @throws TerminalError for one that is no report: callers have checked it */
export function toLine(report: Alert): string {
  const line = JSON.stringify(report);
  if (fromLine(line) === null) throw new TerminalError('an alert without id, begin or text, or with too long ones');
  return line;
}

/** The report that a line says, null when it says none. */
export function fromLine(line: string): Alert | null {
  const { id, status, startsAtMs, seenAtMs, text } = parsed(line);
  const isText = typeof text === 'string' && text.length <= textMax;
  const isNamed = typeof id === 'string' && id.length > 0 && id.length <= idMax;
  if (!isText || !isNamed || !isTime(startsAtMs) || !isTime(seenAtMs)) return null;
  return status === 'firing' || status === 'resolved' ? { id, status, startsAtMs, seenAtMs, text } : null;
}

/** What is kept of these reports: the newest, none that is too old. */
export function keptOf(reports: readonly Alert[], nowMs: number): readonly Alert[] {
  const fresh = reports.filter(({ seenAtMs }) => seenAtMs >= nowMs - reportsWindowMs);
  return fresh.toSorted((one, other) => one.seenAtMs - other.seenAtMs).slice(-reportsKeptMax);
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
