import { describe, expect, it } from 'vitest';
import { readTree } from '../tree.ts';

const page = readTree('docs/security.md').get('docs/security.md') ?? '';
const tests = readTree('.test.ts');

describe('docs/security.md', () => {
  it('names a test for each promise, and each test of this folder', () => {
    const [, promises = ''] = page.split('## Promises');
    const rows = promises.split('\n').filter((line) => /^\| [A-Z]/.test(line));
    expect(rows.length).toBeGreaterThan(8);
    const named = new Set(
      rows.flatMap((row) => [...row.matchAll(/\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, path = '']) => path)),
    );
    expect(rows.filter((row) => !/\]\(\.\.\/test\//.test(row))).toEqual([]);
    expect([...named].filter((path) => !tests.has(path))).toEqual([]);
    const own = [...tests.keys()].filter(
      (path) => path.startsWith('test/security/') && !path.endsWith('/page.test.ts'),
    );
    expect(own.filter((path) => !named.has(path))).toEqual([]);
  });
});
