import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SharedJson } from './shared-json.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é'), minLength: 1, maxLength: 3 });
const leaf = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined));
const part = fc.oneof(leaf, fc.jsonValue());
const nested = fc.dictionary(word, fc.oneof(part, fc.dictionary(word, part), fc.array(part)));

it('shared records have the text that JSON.stringify gives them, and are read back from it', () => {
  fc.assert(
    fc.property(fc.array(nested, { maxLength: 4 }), (records) => {
      const json = new SharedJson();
      let before: object = {};
      for (const record of records) {
        const next = { ...before, ...record, before };
        const { text, value } = json.write('one', next);
        expect(text).toBe(JSON.stringify(next));
        expect(value).toEqual(JSON.parse(JSON.stringify(next)));
        before = value as object;
      }
    }),
    { seed: 4, numRuns: 300 },
  );
});

it('a part that did not change is the same object when it is read again', () => {
  const json = new SharedJson();
  const first = json.write('one', { spec: { steps: [1, 2] }, revision: 1 }).value as { readonly spec: object };
  const second = json.write('one', { ...first, revision: 2 }).value as { readonly spec: object };
  expect(second.spec).toBe(first.spec);
});
