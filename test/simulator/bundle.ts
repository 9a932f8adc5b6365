import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** A text of the production code, and what stands there in the broken engine. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The simulator and what it runs as one file of plain JavaScript: it needs a quarter less time than what a loader makes of
 * the sources, and takes the patches of a broken engine.
 * @throws Error where a patch does not find its text exactly once: the code has moved on, and the mutant must follow
 */
export async function bundle(patches: readonly Patch[], outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/simulator/lane.ts')],
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
