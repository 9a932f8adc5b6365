import { type Weekday, type Window, weekdays } from './spec.ts';

/** Is a migration allowed to go forward now? Without windows, always. */
export function isOpen(windows: readonly Window[], atMs: number): boolean {
  return windows.length === 0 || windows.some((window) => isInside(window, atMs));
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
