import { parseArgs } from 'node:util';
import { runMutant } from './mutants.ts';

/** `npm run simulate`: see seeds.ts; with `--mutant NAME` on a broken engine, which exits 0 when a rule noticed. */
const { values } = parseArgs({
  options: { mutant: { type: 'string' }, seeds: { type: 'string', default: '1000' } },
  strict: false,
});

if (typeof values.mutant !== 'string') await import('./seeds.ts');
else {
  const output = await runMutant(values.mutant, Number(values.seeds));
  console.log(output);
  if (!output.includes('BROKEN')) process.exitCode = 1;
}
