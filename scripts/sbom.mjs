// What is shipped, from package-lock.json alone: a software bill of materials (CycloneDX 1.6, JSON) on stdout, or with
// --licences one line a package. The same lock gives the same bytes: no time, no random serial number, no network.
import { readFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const { '': product, ...locked } = lock.packages;
const reached = reachedFrom('', product);
const shipped = Object.entries(locked)
  .filter(([path]) => reached.has(path))
  .map(([path, one]) => ({ path, name: nameOf(path), ...one, license: licenceOf(path, one) }));

const [option] = process.argv.slice(2);
if (option === undefined) console.log(JSON.stringify(bill(), null, 2));
else if (option === '--licences') console.log(licenceLines().join('\n'));
else {
  console.error('usage: npm run sbom [-- --licences]');
  process.exitCode = 2;
}

function bill() {
  const root = refOf(product);
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { ...component({ ...product, type: 'application' }), 'bom-ref': root },
      tools: { components: [{ type: 'application', name: 'scripts/sbom.mjs' }] },
    },
    components: shipped.map((one) => component({ type: 'library', ...one })),
    dependencies: [
      { ref: root, dependsOn: targets('', product) },
      ...shipped.map((one) => ({ ref: refOf(one), dependsOn: targets(one.path, one) })),
    ],
  };
}

function component({ type, name, version, license, integrity, optional, path }) {
  const hashes = integrity ? [{ alg: 'SHA-512', content: hexOf(integrity) }] : [];
  const slash = name.lastIndexOf('/');
  return {
    type,
    'bom-ref': refOf({ path, name, version }),
    ...(slash < 0 ? {} : { group: name.slice(0, slash) }),
    name: name.slice(slash + 1),
    version,
    ...(type === 'library' ? { scope: optional ? 'optional' : 'required' } : {}),
    ...(hashes.length === 0 ? {} : { hashes }),
    licenses: [/ OR | AND /.test(license) ? { expression: license } : { license: { id: license } }],
    purl: purlOf(name, version),
  };
}

/** Where a package lies twice, its place tells the two apart. */
function refOf({ path, name, version }) {
  const isNested = path?.slice('node_modules/'.length).includes('node_modules/');
  return isNested ? `${purlOf(name, version)}#${path}` : purlOf(name, version);
}

function purlOf(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Paths of everything that one needs, and of what that needs. Nobody has to bring an optional peer along. */
function reachedFrom(path, one) {
  const found = new Set(placesOf(path, one));
  for (const next of found) for (const place of placesOf(next, locked[next])) found.add(place);
  return found;
}

function targets(from, one) {
  return placesOf(from, one)
    .map((path) => refOf({ path, name: nameOf(path), version: locked[path].version }))
    .sort();
}

/** Resolved as Node does it: the nearest node_modules on the way up. */
function placesOf(from, { dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} }) {
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  const names = new Set([...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]);
  return [...names].flatMap((name) => {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
      const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
      if (locked[path]) return [path];
      if (at === '') return [];
    }
  });
}

/** The identifier of SPDX. Some old packages write it in words of their own; a binary of another platform has its owner's. */
function licenceOf(path, { license }) {
  const written = { 'Apache License 2.0': 'Apache-2.0', 'MIT,Apache2': 'MIT OR Apache-2.0' };
  if (license) return written[license] ?? license;
  const owner = Object.values(locked).find(({ optionalDependencies = {} }) => nameOf(path) in optionalDependencies);
  return owner?.license ?? 'NOASSERTION';
}

function hexOf(integrity) {
  const [, digest = ''] = /(?:^| )sha512-(\S+)/.exec(integrity) ?? [];
  return Buffer.from(digest, 'base64').toString('hex');
}

function licenceLines() {
  const lines = shipped.map(({ name, version, license }) => `${license}\t${name}@${version}`);
  return [...new Set(lines)].sort();
}
