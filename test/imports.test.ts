import { posix } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { onlyCode, readTree, withoutComments } from './tree.ts';

type Layer = keyof typeof allowed;

/** Who may import whom: arrows point one way, towards the domain. A layer may always import itself. */
const allowed = {
  functions: ['compose', 'engine', 'api'],
  compose: ['adapters', 'config', 'ports', 'domain'],
  adapters: ['ports', 'domain'],
  engine: ['ports', 'state-machines', 'domain'],
  'state-machines': ['domain'],
  ports: ['domain'],
  domain: [],
  api: ['config', 'engine', 'ports', 'domain'],
  config: ['api', 'ports', 'domain'],
  cli: ['api', 'compose', 'config', 'engine', 'adapters', 'sandbox', 'ports', 'domain'],
  sandbox: ['ports', 'domain'],
} as const satisfies Record<string, readonly string[]>;

/** Packages each layer may import; a star is any of package.json's dependencies. */
const packages: Readonly<Record<Layer, readonly string[]>> = {
  functions: [],
  compose: ['*'],
  adapters: ['*'],
  engine: ['xstate'],
  'state-machines': ['xstate'],
  ports: [],
  domain: [],
  api: ['*'],
  config: ['valibot'],
  cli: ['*'],
  sandbox: ['*'],
};

/** Layers whose every answer follows from their arguments. */
const pure: readonly Layer[] = ['domain', 'engine', 'state-machines'];
const impure: readonly [RegExp, string][] = [
  [/\bDate\.now\b/, 'Date.now'],
  // A Date made of a number is pure; one made of nothing is the clock.
  [/\bnew Date\b(?!\(\s*[^)\s])/, 'new Date()'],
  [/\bperformance\b/, 'performance'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\bcrypto\b/, 'crypto'],
  [/\bset(Timeout|Interval|Immediate)\b/, 'a timer'],
  [/\bprocess\b/, 'process'],
];

function layerOf(path: string): Layer | null {
  const [first = '', second = ''] = path.split('/');
  const name = first === 'src' ? second.replace(/^(config|compose)(-[\w-]+)?\.ts$/, '$1') : first;
  return Object.hasOwn(allowed, name) ? (name as Layer) : null;
}

/** Everything a file imports, types and lazy imports included. */
function importsOf(source: string): string[] {
  const code = withoutComments(source);
  const forms = [
    /^\s*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map(([, name = '']) => name));
}

/** What the import rules forbid in these files, one line each. */
function violations(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, source]) => {
    const layer = layerOf(path);
    if (layer === null) return [`${path}: in no layer of the design`];
    const wrong = importsOf(source).flatMap((name) => importProblem(path, layer, name));
    return pure.includes(layer) ? [...wrong, ...impurities(path, source)] : wrong;
  });
}

function importProblem(path: string, layer: Layer, name: string): string[] {
  if (name.startsWith('.')) {
    const target = posix.normalize(posix.join(posix.dirname(path), name));
    const other = layerOf(target);
    if (!name.endsWith('.ts') && !name.endsWith('.json')) return [`${path}: ${name} is imported without its ending`];
    const isAllowed = other === layer || (allowed[layer] as readonly string[]).includes(other ?? '');
    return isAllowed ? [] : [`${path}: ${layer} may not import ${target}`];
  }
  if (name.startsWith('node:')) return pure.includes(layer) ? [`${path}: ${layer} may not import ${name}`] : [];
  const vendor = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] ?? name);
  const known = packages[layer];
  return known.includes('*') || known.includes(vendor) ? [] : [`${path}: ${layer} may not import package ${vendor}`];
}

function impurities(path: string, source: string): string[] {
  const code = onlyCode(source);
  return impure.filter(([form]) => form.test(code)).map(([, what]) => `${path}: uses ${what}`);
}

const tree = new Map([...readTree('.ts')].filter(([path]) => /^(src|functions|state-machines)\//.test(path)));

describe('imports', () => {
  it('point one way, from the functions to the domain', () => {
    expect(violations(tree)).toEqual([]);
  });

  it('are all read: what the bundler sees is seen here too', async () => {
    const { metafile } = await build({
      entryPoints: [...tree.keys()],
      absWorkingDir: new URL('..', import.meta.url).pathname,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      metafile: true,
      write: false,
      outdir: 'dist',
      logLevel: 'silent',
    });
    const missed = Object.entries(metafile.inputs).flatMap(([path, { imports }]) => {
      const read = importsOf(tree.get(path) ?? '');
      return imports
        .map((one) => one.original ?? one.path)
        .filter((name) => !read.includes(name))
        .map((name) => `${path}: ${name}`);
    });
    expect(Object.keys(metafile.inputs).length).toBeGreaterThan(20);
    expect(missed).toEqual([]);
  });

  const bad: readonly [string, string, string, RegExp][] = [
    [
      'a domain that knows a port',
      'src/domain/a.ts',
      "import type { Clock } from '../ports/clock.ts';",
      /domain may not import src\/ports/,
    ],
    [
      'a port that knows an adapter',
      'src/ports/a.ts',
      "export { x } from '../adapters/redis/store.ts';",
      /ports may not import/,
    ],
    [
      'an engine that knows an adapter',
      'src/engine/a.ts',
      "import { x } from '../adapters/redis/store.ts';",
      /engine may not import/,
    ],
    [
      'an adapter that knows the engine',
      'src/adapters/a.ts',
      "import {\n  x,\n} from '../engine/step.ts';",
      /adapters may not import/,
    ],
    [
      'an adapter that knows the sandbox',
      'src/adapters/a.ts',
      "const x = await import('../sandbox/clock.ts');",
      /may not import src\/sandbox/,
    ],
    [
      'a machine that knows the engine',
      'state-machines/a.ts',
      "import '../src/engine/step.ts';",
      /state-machines may not import/,
    ],
    [
      'a door that knows an adapter',
      'functions/a.ts',
      "import { x } from '../src/adapters/redis/store.ts';",
      /functions may not import/,
    ],
    ['a vendor in the engine', 'src/engine/a.ts', "import { Redis } from 'ioredis';", /package ioredis/],
    [
      'a part of a vendor in the domain',
      'src/domain/a.ts',
      "import type { X } from '@kubernetes/client-node/dist/x';",
      /package @kubernetes\/client-node/,
    ],
    ['xstate in the domain', 'src/domain/a.ts', "import { setup } from 'xstate';", /package xstate/],
    [
      'a vendor in the configuration',
      'src/config.ts',
      "import { Redis } from 'ioredis';",
      /config may not import package ioredis/,
    ],
    [
      'Node in the engine',
      'src/engine/a.ts',
      "import { readFile } from 'node:fs/promises';",
      /engine may not import node:fs/,
    ],
    ['an import without its ending', 'src/engine/a.ts', "import { x } from './step';", /without its ending/],
    ['a folder of its own', 'src/utils/a.ts', '', /in no layer/],
    ['the clock in the domain', 'src/domain/a.ts', 'export const now = () => Date.now();', /uses Date.now/],
    ['another clock in the engine', 'src/engine/a.ts', 'export const now = () => new Date();', /uses new Date/],
    ['chance in a machine', 'state-machines/a.ts', 'export const x = Math.random();', /uses Math.random/],
    ['a timer in the engine', 'src/engine/a.ts', 'setTimeout(() => undefined, 1);', /uses a timer/],
    ['the environment in the engine', 'src/engine/a.ts', "const x = process.env['X'];", /uses process/],
  ];
  it.each(bad)('%s is found', (_, path, source, message) => {
    expect(violations(new Map([[path, source]]))).toContainEqual(expect.stringMatching(message));
  });

  it('do not count in comments and texts', () => {
    const source =
      "// import { x } from 'ioredis';\n/* Date.now() */\nexport const x = 'Math.random';\nexport const y = `import('ioredis')`;\n";
    expect(violations(new Map([['src/domain/a.ts', source]]))).toEqual([]);
  });
});
