import { describe, expect, test } from 'vitest';
import { sourcesOf, worstOf } from '../../src/domain/sources.ts';

const of = (kind: 'pass' | 'fail' | 'insufficient' | 'error', from = 'push') => ({ kind, from });

describe('the verdict of several sources', () => {
  test('is the worst of theirs', () => {
    expect(worstOf(of('pass'), [of('insufficient'), of('pass')]).kind).toBe('insufficient');
    expect(worstOf(of('insufficient'), [of('error'), of('pass')]).kind).toBe('error');
  });

  test('is a failure where one fails, whatever cannot be measured', () => {
    expect(worstOf(of('error'), [of('fail'), of('error')]).kind).toBe('fail');
  });

  test('is never a failure because one cannot be measured', () => {
    expect(worstOf(of('error'), [of('error'), of('pass')]).kind).toBe('error');
  });

  test('is that of the first among equals', () => {
    expect(worstOf(of('fail', 'push'), [of('fail', 'main')]).from).toBe('push');
  });
});

test('a source that is named twice is asked once', () => {
  expect(sourcesOf({ signals: ['main', 'push', 'main'] })).toEqual(['main', 'push']);
  expect(sourcesOf({ signals: 'main' })).toEqual(['main']);
});
