// Bundles every door of the product into dist/: the functions (one CommonJS file each, as Function Compute loads them),
// the command line, and the processes that the sandbox starts.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  logLevel: 'warning',
};

// Chunks are named by what is in them: those of the last build would stay.
await rm(`${root}dist/chunks`, { recursive: true, force: true });
await mkdir(`${root}dist/functions`, { recursive: true });
const functions = (await readdir(`${root}functions`)).filter((file) => file.endsWith('.ts'));

await Promise.all([
  build({
    ...common,
    entryPoints: functions.map((file) => `functions/${file}`),
    outdir: 'dist/functions',
    format: 'cjs',
    // Parsing is most of a cold start. Names are kept: errors are told apart and shown by them.
    minify: true,
    keepNames: true,
    // lmdb is native and for machines with a disk; the functions load it only where no Redis is named.
    external: ['lmdb'],
    alias: { 'ali-oss': './scripts/no-oss.cjs' },
  }),
  build({
    ...common,
    entryPoints: {
      cli: 'src/cli/main.ts',
      'sandbox/gateway': 'src/sandbox/data-plane/gateway-process.ts',
      'sandbox/instance': 'src/sandbox/function-compute/instance-process.ts',
    },
    outdir: 'dist',
    format: 'esm',
    // A command loads what it needs: the Kubernetes client of the sandbox takes half a second that "sluice get" has no use for.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    packages: 'external',
  }),
]);
// The package is a module; the functions are CommonJS, as the runtime's loader expects.
await writeFile(`${root}dist/functions/package.json`, '{ "type": "commonjs" }\n');
