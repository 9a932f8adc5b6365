import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const levelsMax = 5;

/** A file of this package, found from the sources and from the bundle alike. @throws Error where it is missing */
export function packageFile(path: string): string {
  let at = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < levelsMax; level += 1) {
    const found = join(at, path);
    if (existsSync(join(at, 'package.json')) && existsSync(found)) return found;
    at = dirname(at);
  }
  throw new Error(`${path} is not in this package`);
}
