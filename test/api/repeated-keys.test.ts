import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPath } from '../../src/api/problems.ts';
import { repeatedKeys } from '../../src/api/repeated-keys.ts';

const placesIn = (text: string) => repeatedKeys(text).map(({ path }) => formatPath(path));

describe('keys that stand there twice', () => {
  test.each([
    ['{"a":1,"a":2}', ['a']],
    ['{"a":{"b":1,"c":2,"b":3},"b":4}', ['a.b']],
    ['[{"a":1},{"a":1},{"x":[0,{"a":1,"a":1}]}]', ['[2].x[1].a']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"a":1,"a":2,"a":3}', ['a', 'a']],
    ['{"__proto__":1,"__proto__":2}', ['__proto__']],
    ['{"a":"a","b":["a","a","a:a"],"c":":{","d":"\\",\\"a\\":"}', []],
    ['[]', []],
    ['"a"', []],
  ])('%s', (text, places) => {
    expect(placesIn(text)).toEqual(places);
  });

  test('are none in what was written from values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(repeatedKeys(JSON.stringify(value, null, 1))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('are found wherever one is added', () => {
    const wrapped = fc.tuple(fc.jsonValue(), fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(wrapped, ([before, key, after]) => {
        const name = JSON.stringify(key);
        const text = `{"x":${JSON.stringify(before)},"y":[0,{${name}:1,"":2,${name}:${JSON.stringify(after)}}]}`;
        expect(placesIn(text)).toContain(formatPath(['y', 1, key]));
      }),
      { numRuns: 500 },
    );
  });

  test('are told a hundred times at most', () => {
    expect(placesIn(`{${'"a":1,'.repeat(20_000)}"a":1}`)).toHaveLength(100);
  });
});
