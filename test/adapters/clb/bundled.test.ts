import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Cloud, credentials, startCloud } from './cloud.ts';

const run = promisify(execFile);
let folder: string;
let cloud: Cloud;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-bundle-'));
  cloud = await startCloud();
});
afterEach(async () => {
  await cloud.stop();
  await rm(folder, { recursive: true });
});

const program = (endpoint: string) => `
  import { clbClient } from './src/adapters/clb/clb-client.ts';
  import { systemClock } from './src/adapters/system-clock.ts';
  const credentials = () => (${JSON.stringify(credentials)});
  const client = clbClient({ region: 'cn-hangzhou', endpoint: '${endpoint}', protocol: 'http', credentials, clock: systemClock() });
  client.describeVServerGroups('lb-public').then((groups) => { console.log(JSON.stringify(groups)); process.exit(0); });
`;

it.each(['cjs', 'esm'] as const)(
  'the vendor core is found in a bundle as %s, as the functions and the command line are',
  async (format) => {
    const outfile = join(folder, `client.${format === 'cjs' ? 'cjs' : 'mjs'}`);
    // The functions carry everything with them; the command line finds its packages beside it.
    if (format === 'esm') await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
    await build({
      stdin: { contents: program(cloud.endpoint), resolveDir: process.cwd(), loader: 'ts' },
      outfile,
      format,
      bundle: true,
      platform: 'node',
      target: 'node20',
      logLevel: 'error',
      packages: format === 'cjs' ? 'bundle' : 'external',
    });
    const { stdout } = await run(process.execPath, [outfile]);
    expect(JSON.parse(stdout)).toMatchObject([{ VServerGroupName: 'public-80' }, { VServerGroupName: 'public-443' }]);
  },
);
