// Makes the golden records of a released version with that version's own code:
// `node scripts/golden-records.mjs <commit>` writes test/golden/v<machineVersion>-<commit>.json. Once for each release.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const [wanted] = process.argv.slice(2);
if (wanted === undefined) {
  console.error('which commit? node scripts/golden-records.mjs <commit>');
  process.exit(2);
}
const commit = execFileSync('git', ['rev-parse', '--short=7', wanted], { cwd: root, encoding: 'utf8' }).trim();
const folder = mkdtempSync(join(tmpdir(), 'sluice-golden-'));
try {
  const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 256 * 1024 * 1024 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'test/golden'), { recursive: true });
  cpSync(join(root, 'test/golden/make.ts'), join(folder, 'test/golden/make.ts'));
  const version = /machineVersion = (\d+)/.exec(readFileSync(join(folder, 'state-machines/migration.ts'), 'utf8'))?.[1];
  const file = join(root, `test/golden/v${version}-${commit}.json`);
  execFileSync(process.execPath, ['--import', 'tsx', 'test/golden/make.ts', file], { cwd: folder, stdio: 'inherit' });
  console.log(file);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
