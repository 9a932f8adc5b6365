import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const built = 'dist/functions';
/** Function Compute takes 100 MB; what an instance loads at each cold start is the tighter bound. */
const bytesMax = 6 * 1024 * 1024;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-functions-'));
  for (const file of await readdir(built)) await copyFile(join(built, file), join(folder, file));
  await writeFile(join(folder, 'load.cjs'), 'console.log(typeof require(process.argv[2]).handler)');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('each built function', () => {
  it.each(['api', 'tick', 'step', 'schedule', 'watchdog'])(
    '%s stands alone, without node_modules, as one file with a handler',
    async (name) => {
      const { stdout } = await run('node', [join(folder, 'load.cjs'), join(folder, `${name}.js`)], { cwd: folder });
      expect(stdout.trim()).toBe('function');
      expect((await stat(join(folder, `${name}.js`))).size).toBeLessThan(bytesMax);
    },
  );
});
