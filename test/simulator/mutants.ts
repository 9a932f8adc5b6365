import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';

/** A text of the production code, and what stands there in the broken engine. */
interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

interface Mutant {
  readonly patches: readonly Patch[];
  readonly flags: readonly string[];
}

const patched = (...patches: readonly Patch[]): Mutant => ({ patches, flags: [] });

/** Engines with one mistake each, every one of which the rules must notice. */
export const mutants = {
  'order-swapped': patched({
    file: 'src/domain/shift.ts',
    find: 'of inOrder(observation, goal, unwritten))',
    replace: 'of [...inOrder(observation, goal, unwritten)].reverse())',
  }),
  'fence-off': { patches: [], flags: ['--unfenced'] },
  'verify-skipped': patched({
    file: 'src/domain/shift.ts',
    find: 'if (onTheWay.length > 0 && (unwritten.length === 0',
    replace:
      "if (unwritten.length === 0) return { kind: 'verified' };\n  if (onTheWay.length > 0 && (unwritten.length === 0",
  }),
  'acknowledged-early': patched({
    file: 'src/engine/advance.ts',
    find: 'const outbox = fired.record.outbox.map(',
    replace:
      "const outbox = fired.record.outbox.filter(({ id, effect }) => effect.type !== 'deliver' || !taken.some((one) => one.id === id)).map(",
  }),
  'verdict-late': patched({
    file: 'state-machines/assessment.ts',
    find: "if (look.verdict.kind === 'fail')",
    replace: "if (context.verdict?.kind === 'fail')",
  }),
  'claims-dropped': patched(
    { file: 'src/engine/claims.ts', find: 'if (held === null) return;', replace: 'if (held !== undefined) return;' },
    { file: 'src/engine/preflight.ts', find: 'if (held !== null) {', replace: 'if (held === undefined) {' },
  ),
  'lease-dropped': patched({
    file: 'src/engine/exclusively.ts',
    find: 'if (!(await store.lease(thing, holder, leaseMs))) return false;',
    replace: '',
  }),
} as const satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants;

const root = fileURLToPath(new URL('../../', import.meta.url));
const outputMax = 8 * 1024 * 1024;

/**
 * Runs seeds on a broken engine until the first broken rule, in a process of its own.
 * @returns what it printed
 * @throws Error where a patch finds nothing to replace: the code has moved on, and the mutant must follow
 */
export async function runMutant(name: string, seeds: number): Promise<string> {
  const mutant: Mutant | undefined = Object.hasOwn(mutants, name) ? mutants[name as MutantName] : undefined;
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mutant-'));
  try {
    const outfile = join(folder, 'simulate.mjs');
    await bundle(mutant.patches, outfile);
    const args = [outfile, '--seeds', String(seeds), '--first', ...mutant.flags];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: outputMax }).catch(
      (error: { readonly stdout?: string }) => {
        // Exit 1 is what is hoped for: a rule was broken.
        if (typeof error.stdout !== 'string' || !error.stdout.includes('BROKEN')) throw error;
        return { stdout: error.stdout };
      },
    );
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function bundle(patches: readonly Patch[], outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/simulator/seeds.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    plugins: [patching(patches)],
    outfile,
    logLevel: 'silent',
  });
}

function patching(patches: readonly Patch[]): Plugin {
  return {
    name: 'patches',
    setup: ({ onLoad }) => {
      for (const file of new Set(patches.map((patch) => patch.file))) {
        const filter = new RegExp(`${file.replaceAll('.', '\\.')}$`);
        onLoad({ filter }, async ({ path }) => {
          let contents = await readFile(path, 'utf8');
          for (const { find, replace } of patches.filter((patch) => patch.file === file)) {
            if (contents.split(find).length !== 2) throw new Error(`${file} does not say once: ${find}`);
            contents = contents.replace(find, () => replace);
          }
          return { contents, loader: 'ts' };
        });
      }
    },
  };
}
