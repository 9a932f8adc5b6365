import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);

/** Packages that a built module loads at once, its chunks included: not those that it imports when it needs them. */
async function packagesOf(file: string, seen = new Set<string>()): Promise<ReadonlySet<string>> {
  const text = await readFile(file, 'utf8');
  const names = [...text.matchAll(/^(?:import|export)\b[^;]*?["']([^"']+)["'];$/gm)].map(([, name]) => name ?? '');
  for (const name of names.filter((one) => !seen.has(one))) {
    seen.add(name);
    if (name.startsWith('.')) await packagesOf(join(dirname(file), name), seen);
  }
  return new Set([...seen].filter((name) => !name.startsWith('.') && !name.startsWith('node:')));
}

describe('the built command line', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    const { stdout } = await run('node', ['dist/cli.js', '--version']);
    expect(stdout).toBe(`${version}\n`);
  });

  it('loads at once no package that only some of its commands need', async () => {
    const packages = await packagesOf('dist/cli.js');
    expect(packages).toContain('commander');
    for (const heavy of ['@kubernetes/client-node', 'ioredis', 'lmdb', 'selfsigned', '@alicloud/openapi-core']) {
      expect(packages).not.toContain(heavy);
    }
  });
});
