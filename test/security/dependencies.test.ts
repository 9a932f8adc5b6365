import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readTree } from '../tree.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../scripts/sbom.mjs', import.meta.url));
const print = async (...args: readonly string[]): Promise<string> =>
  (await run(process.execPath, [script, ...args], { maxBuffer: 10_000_000 })).stdout;

/** Licences under which a package may be part of a product under Apache-2.0: all of them permissive. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
  'Python-2.0',
  'Unlicense',
]);

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
}
interface Bill {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly components: readonly {
    readonly 'bom-ref': string;
    readonly purl: string;
    readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const read = (file: string): string => readTree(file).get(file) ?? '';
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
/** Ours for development alone; a shipped package would take it as an optional peer, so npm does not mark it. */
const isCompiler = (path: string): boolean => /^node_modules\/@?typescript(?:\/|$)/.test(path);
const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev && !isCompiler(path));
const bill = JSON.parse(await print()) as Bill;

describe('what is shipped', () => {
  it('has a licence of the list, each package', async () => {
    const lines = (await print('--licences')).trim().split('\n');
    expect(lines.length).toBeGreaterThan(200);
    expect(lines.filter((line) => !allowed.has(line.split('\t')[0] ?? ''))).toEqual([]);
  });

  it('is pinned: exact versions are asked for, and the lock knows the content of each', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>;
    const versions: readonly unknown[] = Object.values({ ...dependencies, ...devDependencies });
    expect(versions.length).toBeGreaterThan(20);
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
    // Binaries of other platforms are named without their content: npm does not need them here.
    const unknown = shipped.filter(([, { integrity, os }]) => !integrity?.startsWith('sha512-') && os === undefined);
    expect(unknown).toEqual([]);
    expect(shipped.filter(([, { link, resolved }]) => link || /^(?:git|file|http:)/.test(resolved ?? ''))).toEqual([]);
  });

  it('is little: thirteen packages are chosen', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(13);
  });
});

describe('npm run sbom', () => {
  it('lists each package of the lock that is shipped, once, with its digest', () => {
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
    const named = ([path, { version }]: [string, Locked]) =>
      `pkg:npm/${path.slice(path.lastIndexOf('node_modules/') + 13).replace('@', '%40')}@${version}`;
    expect(bill.components.map(({ purl }) => purl).sort()).toEqual(shipped.map(named).sort());
    expect(new Set(bill.components.map((one) => one['bom-ref'])).size).toBe(shipped.length);
    const digests = bill.components.flatMap(({ hashes = [] }) => hashes);
    expect(digests.length).toBeGreaterThan(200);
    expect(digests.filter(({ alg, content }) => alg !== 'SHA-512' || !/^[0-9a-f]{128}$/.test(content))).toEqual([]);
  });

  it('says who needs whom, and names nobody who is not listed', () => {
    const known = new Set(bill.components.map((one) => one['bom-ref']));
    const [product, ...others] = bill.dependencies;
    expect(product?.dependsOn).toContain('pkg:npm/ioredis@6.0.0');
    expect(others.map(({ ref }) => ref)).toEqual([...known]);
    const reached = new Set<string>(product?.dependsOn);
    for (const ref of reached) {
      for (const one of others.find((other) => other.ref === ref)?.dependsOn ?? []) reached.add(one);
    }
    expect([...known].filter((ref) => !reached.has(ref))).toEqual([]);
    expect([...reached].filter((ref) => !known.has(ref))).toEqual([]);
  });

  it('is the same each time', async () => expect(JSON.parse(await print())).toEqual(bill));
});
