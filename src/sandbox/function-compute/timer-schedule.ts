/** When a timer trigger fires: every so many milliseconds, or at the times of a cron expression. */
export type TimerSchedule =
  | { readonly kind: 'every'; readonly everyMs: number }
  | {
      readonly kind: 'cron';
      readonly zone: string;
      readonly fields: readonly ReadonlySet<number>[];
      readonly isAnyDay: AnyDay;
    };

/** Which of the two day fields say nothing; when both say something, either is enough (as cron has it). */
interface AnyDay {
  readonly ofMonth: boolean;
  readonly ofWeek: boolean;
}

const ranges = [
  { name: 'second', from: 0, to: 59 },
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12 },
  { name: 'day of week', from: 0, to: 7 },
] as const;

const names: Readonly<Record<string, number>> = {
  ...Object.fromEntries(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'].map((name, at) => [name, at])),
  ...Object.fromEntries('jan feb mar apr may jun jul aug sep oct nov dec'.split(' ').map((name, at) => [name, at + 1])),
};

/**
 * Reads `@every 4m` (whole minutes or hours, at least one minute) or six cron fields with seconds, UTC unless
 * `CRON_TZ=<zone>` stands before them.
 *
 * @throws Error with the expression and what is wrong with it
 * @source time-triggers 2026-03-19 (reference A3)
 */
export function parseTimerSchedule(expression: string): TimerSchedule {
  const every = /^@every (\d{1,6})(m|h)$/.exec(expression);
  if (every) {
    const everyMs = Number(every[1]) * (every[2] === 'h' ? 3_600_000 : 60_000);
    if (everyMs < 60_000) throw new Error(`timer "${expression}": the interval is at least one minute`);
    return { kind: 'every', everyMs };
  }
  const parts = /^(?:CRON_TZ=(\S+)\s+)?(\S+(?:\s+\S+){5})$/.exec(expression.trim());
  if (!parts) throw new Error(`timer "${expression}" is neither "@every <n>m" nor six cron fields`);
  const zone = parts[1] ?? 'UTC';
  if (!isZone(zone)) throw new Error(`timer "${expression}": unknown time zone "${zone}"`);
  const words = (parts[2] ?? '').split(/\s+/);
  const fields = ranges.map((range, at) => parseField(expression, words[at] ?? '', range));
  if (fields[5]?.has(7)) fields[5].add(0);
  return { kind: 'cron', zone, fields, isAnyDay: { ofMonth: isAny(words[3]), ofWeek: isAny(words[5]) } };
}

/**
 * The first time after `nowMs` (exclusive) at which the schedule fires, or null when a cron expression names no time
 * within four years. An interval counts from `sinceMs`, the last firing or the creation.
 */
export function nextFiring(schedule: TimerSchedule, sinceMs: number, nowMs: number): number | null {
  if (schedule.kind === 'every') {
    const missed = Math.max(0, Math.floor((nowMs - sinceMs) / schedule.everyMs));
    return sinceMs + (missed + 1) * schedule.everyMs;
  }
  return nextCronTime(schedule, nowMs);
}

function nextCronTime(schedule: Extract<TimerSchedule, { kind: 'cron' }>, nowMs: number): number | null {
  const horizonMs = nowMs + 4 * 366 * 86_400_000;
  const clock = zoneClock(schedule.zone);
  let at = (Math.floor(nowMs / 1000) + 1) * 1000;
  // Steps to the end of the coarsest unit that does not fit: at most a few thousand steps for four years.
  while (at <= horizonMs) {
    const local = clock(at);
    if (!fits(schedule, 4, local.month)) at += untilNext(local, 'day');
    else if (!fitsDay(schedule, local)) at += untilNext(local, 'day');
    else if (!fits(schedule, 2, local.hour)) at += untilNext(local, 'hour');
    else if (!fits(schedule, 1, local.minute)) at += (60 - local.second) * 1000;
    else if (!fits(schedule, 0, local.second)) at += 1000;
    else return at;
  }
  return null;
}

interface LocalTime {
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

function untilNext(local: LocalTime, unit: 'day' | 'hour'): number {
  // Stops at 22 o'clock on the way to the next day: with summer time a day is not always 24 hours.
  if (unit === 'day' && local.hour < 22) return (22 - local.hour) * 3_600_000;
  return 3_600_000 - (local.minute * 60 + local.second) * 1000;
}

function fits(schedule: Extract<TimerSchedule, { kind: 'cron' }>, field: number, value: number): boolean {
  return schedule.fields[field]?.has(value) ?? false;
}

function fitsDay(schedule: Extract<TimerSchedule, { kind: 'cron' }>, local: LocalTime): boolean {
  const ofMonth = fits(schedule, 3, local.day);
  const ofWeek = fits(schedule, 5, local.weekday);
  const { isAnyDay } = schedule;
  return isAnyDay.ofMonth || isAnyDay.ofWeek ? ofMonth && ofWeek : ofMonth || ofWeek;
}

function zoneClock(zone: string): (atMs: number) => LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (atMs) => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const number = (type: string): number => Number(parts[type]);
    const weekday = names[(parts['weekday'] ?? '').toLowerCase()] ?? 0;
    return {
      month: number('month'),
      day: number('day'),
      weekday,
      hour: number('hour'),
      minute: number('minute'),
      second: number('second'),
    };
  };
}

function parseField(expression: string, word: string, range: (typeof ranges)[number]): Set<number> {
  const values = new Set<number>();
  const wrong = (): Error => new Error(`timer "${expression}": "${word}" is not a ${range.name}`);
  for (const part of word.split(',')) {
    const match = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    if (!match) throw wrong();
    const step = match[3] === undefined ? 1 : Number(match[3]);
    const isStar = match[1] === '*' || match[1] === '?';
    const from = isStar ? range.from : fieldValue(match[1]);
    const open = isStar || match[3] !== undefined;
    const to = match[2] !== undefined ? fieldValue(match[2]) : open ? range.to : from;
    if (!(step >= 1) || !(from >= range.from) || !(to <= range.to) || !(from <= to)) throw wrong();
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function fieldValue(word: string | undefined): number {
  if (word === undefined) return Number.NaN;
  return names[word.toLowerCase()] ?? (/^\d+$/.test(word) ? Number(word) : Number.NaN);
}

function isAny(word: string | undefined): boolean {
  return word === '*' || word === '?';
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    // An unknown zone is how Intl answers "no" to the question asked here.
    return false;
  }
}
