/** `npm run bench -- NAME`: measures one thing and prints it. A number in the docs comes from one of these. */
const benches: Readonly<Record<string, () => Promise<{ readonly run: () => Promise<void> }>>> = {
  judge: () => import('./judge.ts'),
  plan: () => import('./plan.ts'),
  shares: () => import('./shares.ts'),
  traces: () => import('./traces.ts'),
};

const [name = ''] = process.argv.slice(2);
const load = benches[name];
if (load === undefined) {
  console.error(`which one? ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  await (await load()).run();
}
