import { expect, test } from 'vitest';
import { sourcesOf } from '../../src/domain/sources.ts';

test('a source that is named twice is asked once', () => {
  expect(sourcesOf({ signals: ['main', 'push', 'main'] })).toEqual(['main', 'push']);
  expect(sourcesOf({ signals: 'main' })).toEqual(['main']);
});
