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
  // Those below were thought of later: what is not named here will be tried, too.
  'way-back-not-kept': patched({
    file: 'src/engine/carry-out.ts',
    find: 'await ports.router.keepBaseline(context.spec.name, baseline, fence);',
    replace: '',
  }),
  'glass-at-once': patched({
    file: 'src/engine/restore.ts',
    find: 'const isGlassTime = restoring.forMs > restoring.baseline.patience.breakGlassMs;',
    replace: 'const isGlassTime = restoring.forMs >= 0;',
  }),
  'capacity-ignored': patched({
    file: 'src/domain/shift.ts',
    find: 'if (before === null || now >= before || options.isPatienceOver || options.isForced) return null;',
    replace: 'if (before !== now || before === now) return null;',
  }),
  'living-claimed': patched({
    file: 'src/engine/rescue-record.ts',
    find: 'return nowMs - record.updatedAtMs > limitMs;',
    replace: 'return nowMs - record.updatedAtMs > limitMs / 10;',
  }),
  'pulled-back-again': patched({
    file: 'state-machines/assessment.ts',
    find: 'const isAnswered = context.answeredDrift === look.cause;',
    replace: "const isAnswered = context.answeredDrift === 'nothing';",
  }),
  'not-sealed': patched({
    file: 'src/engine/way-back.ts',
    find: 'await seal(ports.router, context.baseline as Baseline, record.revision, command.revision);',
    replace: 'seal !== undefined;',
  }),
  'lost-race-ignored': patched({
    file: 'src/engine/advance.ts',
    find: 'if (await ports.store.commit(next, stored.revision, history)) return { ...updated, next };',
    replace: 'await ports.store.commit(next, stored.revision, history);\n    return { ...updated, next };',
  }),
  'undone-late': patched({
    file: 'src/engine/advance.ts',
    find: 'const fired = fireTimers(current, atMs) ?? { record: current, history: [] };\n    const stepped',
    replace: 'const fired = { record: current, history: [] };\n    const stepped',
  }),
  'counts-of-before': patched({
    file: 'src/engine/judged-step.ts',
    find: 'fromMs: verifiedAtMs + spec.settleMs,',
    replace: 'fromMs: (context.baseline?.takenAtMs ?? 0) + spec.settleMs,',
  }),
  'window-ignored': patched({
    file: 'state-machines/vocabulary.ts',
    find: '!isOpen(context.spec.windows, event.at),',
    replace: '!isOpen([], event.at),',
  }),
  'absent-after-rollback': patched({
    file: 'src/domain/baseline.ts',
    find: 'return { source: baseline.source, target: baseline.target };',
    replace:
      "const asDefault = baseline.source.weight === '100' ? { ...baseline.source, weight: null } : baseline.source;\n  return { source: asDefault, target: baseline.target };",
  }),
  'causes-told': patched({
    file: 'src/ports/errors.ts',
    find: 'return error instanceof Error ? error.message : String(error);',
    replace: "return error instanceof Error ? error.message + ' ' + String(error.cause) : String(error);",
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
export async function runMutant(name: string, seeds: number, from = 1): Promise<string> {
  const mutant: Mutant | undefined = Object.hasOwn(mutants, name) ? mutants[name as MutantName] : undefined;
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mutant-'));
  try {
    const outfile = join(folder, 'simulate.mjs');
    await bundle(mutant.patches, outfile);
    const args = [outfile, '--seeds', String(seeds), '--from', String(from), '--first', ...mutant.flags];
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
