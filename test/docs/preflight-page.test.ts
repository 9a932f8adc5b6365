import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { preflightPage } from '../../scripts/preflight-page.ts';

it('docs/preflight.md is what the checks say of themselves (else: npm run docs)', async () => {
  expect(await readFile(new URL('../../docs/preflight.md', import.meta.url), 'utf8')).toBe(preflightPage());
});
