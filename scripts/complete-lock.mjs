// Completes package-lock.json after `npm install`: a registry that does not serve the binaries of every platform leaves
// them out of the lock, and then `npm ci` refuses the lock everywhere. What is added is name, version and platform, so that
// npm knows it does not need them here, and finds them where it does.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const added = {};

for (const [path, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const at = `node_modules/${name}`;
    if (lock.packages[at] || lock.packages[`${path}/${at}`] || !/^\d+\.\d+\.\d+/.test(version)) continue;
    const platform = platformOf(name);
    if (platform === null) throw new Error(`${name} is missing, and its name tells no platform`);
    added[at] = { version, ...platform, ...(dev ? { dev } : {}), optional: true };
  }
}

lock.packages = Object.fromEntries(Object.entries({ ...lock.packages, ...added }).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${Object.keys(added).length} packages of other platforms added`);

/** `…-linux-x64-musl` -> os, cpu and libc as npm writes them. */
function platformOf(name) {
  const found = /-(android|darwin|freebsd|linux|openharmony|win32)-([a-z0-9]+)(?:-(\w+))?$/.exec(name);
  if (!found) return null;
  const [, os, cpu, variant = ''] = found;
  const libc = variant.startsWith('musl') ? ['musl'] : variant.startsWith('gnu') ? ['glibc'] : null;
  return { cpu: [cpu], os: [os], ...(os === 'linux' && libc ? { libc } : {}) };
}
