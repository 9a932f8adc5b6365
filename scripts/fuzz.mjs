// `npm run fuzz [-- --runs 100000] [--seed 7] [file]`: the fuzz tests with more runs each than `npm test` gives them.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { runs: { type: 'string', default: '5000' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
for (const [name, text] of Object.entries(values)) {
  if (/^\d{1,9}$/.test(text)) continue;
  console.error(`--${name}: ${text} is no whole number`);
  process.exit(2);
}
const env = { ...process.env, SLUICE_FUZZ_RUNS: values.runs, SLUICE_FUZZ_SEED: values.seed };
const only = positionals.length > 0 ? positionals : ['test/fuzz'];
const args = ['vitest', 'run', '--project', 'unit', ...only];
const { status } = spawnSync('npx', args, { stdio: 'inherit', env, cwd: new URL('..', import.meta.url).pathname });
process.exit(status ?? 1);
