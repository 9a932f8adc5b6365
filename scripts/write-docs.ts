// Writes the pages that are made from the code: npm run docs.
import { writeFile } from 'node:fs/promises';
import { preflightPage } from './preflight-page.ts';

await writeFile(new URL('../docs/preflight.md', import.meta.url), preflightPage());
