import { describe, expect, it } from 'vitest';
import { nextFiring, parseTimerSchedule } from '../../../src/sandbox/function-compute/timer-schedule.ts';

function next(expression: string, now: string): string | null {
  const nowMs = Date.parse(now);
  const dueMs = nextFiring(parseTimerSchedule(expression), nowMs, nowMs);
  return dueMs === null ? null : new Date(dueMs).toISOString();
}

describe('a timer schedule', () => {
  it.each([
    ['@every 4m', '2026-03-01T00:00:30Z', '2026-03-01T00:04:30.000Z'],
    ['@every 1h', '2026-03-01T00:00:00Z', '2026-03-01T01:00:00.000Z'],
    ['0 0 4 * * *', '2026-03-01T04:00:00Z', '2026-03-02T04:00:00.000Z'],
    ['0 0 4 * * *', '2026-03-01T03:59:59.999Z', '2026-03-01T04:00:00.000Z'],
    ['30 */5 * * * *', '2026-03-01T23:56:00Z', '2026-03-02T00:00:30.000Z'],
    ['0 0 0 1 1 *', '2026-03-01T00:00:00Z', '2027-01-01T00:00:00.000Z'],
    ['0 0 0 29 2 *', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 30 9 * * MON-THU', '2026-03-05T10:00:00Z', '2026-03-09T09:30:00.000Z'],
    ['0 0 12 13 * FRI', '2026-03-01T00:00:00Z', '2026-03-06T12:00:00.000Z'],
    ['0 0 12 ? * 7', '2026-03-02T00:00:00Z', '2026-03-08T12:00:00.000Z'],
    ['CRON_TZ=Asia/Shanghai 0 0 4 1 * *', '2026-03-15T00:00:00Z', '2026-03-31T20:00:00.000Z'],
    ['CRON_TZ=Europe/Berlin 0 30 2 * * *', '2026-03-28T12:00:00Z', '2026-03-30T00:30:00.000Z'],
  ])('%s after %s fires at %s', (expression, now, at) => {
    expect(next(expression, now)).toBe(at);
  });

  it('never fires for a day that no month has', () => {
    expect(next('0 0 0 31 2 *', '2026-03-01T00:00:00Z')).toBeNull();
  });

  it.each([
    '@every 0m',
    '@every 30s',
    '* * * * *',
    '60 * * * * *',
    '* * * * * * *',
    '0 0 5-1 * * *',
    '*/0 * * * * *',
    'CRON_TZ=Moon 0 0 4 * * *',
  ])('refuses %s', (expression) => {
    expect(() => parseTimerSchedule(expression)).toThrow(expression);
  });
});
