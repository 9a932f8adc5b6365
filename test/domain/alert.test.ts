import { describe, expect, test } from 'vitest';
import { type Alert, alertWords, begunSince, firingOf } from '../../src/domain/alert.ts';

const report = (fields: Partial<Alert>): Alert => ({
  ...{ id: 'one', status: 'firing', startsAtMs: 1_000, seenAtMs: 2_000, text: 'TooManyErrors' },
  ...fields,
});
const ids = (reports: readonly Alert[]) => firingOf(reports).map(({ id }) => id);

describe('alerts that are firing', () => {
  test('are those that were reported and not resolved', () => {
    expect(ids([report({}), report({ id: 'two' }), report({ id: 'two', status: 'resolved' })])).toEqual(['one']);
  });

  test('do not depend on the order of the reports, nor on how often they come', () => {
    const fired = report({});
    const resolved = report({ status: 'resolved', seenAtMs: 3_000 });
    const repeated = report({ seenAtMs: 4_000 });
    for (const reports of [
      [fired, resolved, repeated],
      [repeated, resolved, fired],
      [resolved, repeated, fired, resolved],
    ]) {
      expect(ids(reports)).toEqual([]);
    }
  });

  test('fire again when they begin anew', () => {
    const again = report({ startsAtMs: 5_000, seenAtMs: 6_000 });
    expect(ids([again, report({ status: 'resolved' }), report({})])).toEqual(['one']);
  });

  test('say what they say, the oldest first', () => {
    const firing = firingOf([report({ id: 'new', startsAtMs: 9_000, text: 'Slow' }), report({})]);
    expect(alertWords(firing)).toBe('an alert is firing: TooManyErrors; and 1 more');
  });
});

test('an alert that began before a migration, or was told of before it, is not one that it caused', () => {
  const firing = [
    report({}),
    report({ startsAtMs: 5_000, seenAtMs: 4_000 }),
    report({ startsAtMs: 5_000, seenAtMs: 6_000 }),
  ];
  expect(begunSince(firing, 5_000)).toEqual([firing[2]]);
});
