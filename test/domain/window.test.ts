import { describe, expect, it } from 'vitest';
import { isOpen } from '../../src/domain/window.ts';

const office = { days: ['mon', 'fri'] as const, fromMinute: 9 * 60, toMinute: 17 * 60, zone: 'Asia/Shanghai' };
const isOpenAt = (iso: string) => isOpen([office], Date.parse(iso));

describe('a window', () => {
  it('is open on its days between its hours, in its own zone', () => {
    expect(isOpenAt('2026-11-23T01:00:00Z')).toBe(true); // Monday 09:00 in Shanghai
    expect(isOpenAt('2026-11-23T00:59:59Z')).toBe(false);
    expect(isOpenAt('2026-11-23T08:59:59Z')).toBe(true);
    expect(isOpenAt('2026-11-23T09:00:00Z')).toBe(false);
  });
  it('goes by the local day, not the day in UTC', () => {
    expect(isOpenAt('2026-11-22T23:59:00Z')).toBe(false); // Sunday in UTC, Monday 07:59 in Shanghai
    expect(isOpenAt('2026-11-24T01:00:00Z')).toBe(false); // Tuesday
  });
  it('is always open where none is given', () => {
    expect(isOpen([], 0)).toBe(true);
  });
});
