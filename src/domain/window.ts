import { type Weekday, type Window, weekdays } from './spec.ts';

/** Is a migration allowed to go forward now? Without windows, always. */
export function isOpen(windows: readonly Window[], atMs: number): boolean {
  return windows.length === 0 || windows.some((window) => isInside(window, atMs));
}

/**
 * The first moment from `atMs` on at which a migration may go forward, to the minute; null where that is in none of the
 * next eight days.
 */
export function opensAt(windows: readonly Window[], atMs: number): number | null {
  if (isOpen(windows, atMs)) return atMs;
  const minuteMs = 60_000;
  const thisMinuteMs = Math.floor(atMs / minuteMs) * minuteMs;
  const openings = windows.flatMap(({ zone, fromMinute }) => {
    const { minute } = localTime(zone, atMs);
    return Array.from({ length: 9 }, (_, days) => days * 1440 + fromMinute - minute).flatMap((inMinutes) =>
      // Clocks are changed by half an hour or an hour: of the neighbours the first that is inside is the opening.
      [-60, -30, 0, 30, 60].map((changed) => thisMinuteMs + (inMinutes + changed) * minuteMs),
    );
  });
  const later = openings.filter((openingMs) => openingMs > atMs).sort((a, b) => a - b);
  return later.find((openingMs) => isOpen(windows, openingMs)) ?? null;
}

function isInside(window: Window, atMs: number): boolean {
  const { day, minute } = localTime(window.zone, atMs);
  return window.days.includes(day) && minute >= window.fromMinute && minute < window.toMinute;
}

function localTime(zone: string, atMs: number): { readonly day: Weekday; readonly minute: number } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const part = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const day = weekdays.find((weekday) => weekday === part.get('weekday')?.toLowerCase()) ?? 'mon';
  return { day, minute: Number(part.get('hour')) * 60 + Number(part.get('minute')) };
}
