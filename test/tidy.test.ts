import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listTree, onlyCode, readTree } from './tree.ts';

type Files = ReadonlyMap<string, string>;

const sourceLinesMax = 300;
const testLinesMax = 500;
/** Tools look for these by name. */
const defaultExports = ['vitest.config.ts'];
/** Names that others have given: to files that tools look for, and to kinds of Kubernetes. */
const givenNames = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE'];
/** Words that say nothing of what a thing does; `Service` is a kind of Kubernetes, and `V1Service` its client's. */
const emptyWords = /(?:Manager|Helper|Utils?|(?<!^V1)(?<!^)Service)$/;

function lengthProblems(files: Files): string[] {
  return [...files].flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length;
    const limit = path.startsWith('test/') ? testLinesMax : sourceLinesMax;
    return lines > limit ? [`${path}: ${lines} lines; the limit is ${limit}`] : [];
  });
}

/** Loose ends are looked for in all of the text, tests that do not run in the code alone. */
function looseEnds(files: Files): string[] {
  const marks = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X'].join(''));
  const idle = /\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|skipIf|only|todo|fails)\b|\b[xf](?:it|describe)\(/;
  return [...files].flatMap(([path, text]) => [
    ...(marks.test(text) ? [`${path}: a loose end`] : []),
    ...(idle.test(onlyCode(text)) ? [`${path}: a test that does not run, or runs alone`] : []),
  ]);
}

function nameProblems(paths: readonly string[]): string[] {
  return paths
    .filter((path) => !givenNames.includes(posix.basename(path)))
    .filter((path) => !path.split('/').every((part) => /^\.?[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(part)))
    .map((path) => `${path}: not in kebab-case`);
}

function wordProblems(files: Files): string[] {
  return [...files].flatMap(([path, text]) => {
    const code = onlyCode(text);
    const names = [...code.matchAll(/\b(?:class|interface|type|enum|namespace)\s+([A-Z]\w*)/g)].map(
      ([, name = '']) => name,
    );
    return [
      ...names.filter((name) => emptyWords.test(name)).map((name) => `${path}: ${name} says nothing of what it does`),
      ...(/^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace)\s+\w/m.test(code)
        ? [`${path}: an enum or a namespace`]
        : []),
      ...(/^\s*export\s+default\b/m.test(code) && !defaultExports.includes(path) ? [`${path}: a default export`] : []),
    ];
  });
}

/** Where somebody's machine, or where packages were fetched from, shows through. */
function placeProblems(files: Files): string[] {
  const places = /(?:^|[\s"'`(=:])\/(?:work|home|root|Users|farm)\/|registry\.npm|npm[m]irror|deb\.debian/m;
  return [...files].flatMap(([path, text]) => {
    const found = places.exec(text);
    return found ? [`${path}: a machine's path or a registry: ${found[0].trim()}`] : [];
  });
}

function linkProblems(pages: Files, paths: readonly string[]): string[] {
  const known = new Set(paths.flatMap((path) => [path, ...parentsOf(path)]));
  return [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)]
      .map(([, link, attribute]) => (link ?? attribute ?? '').split('#')[0] ?? '')
      .filter((link) => link !== '' && !/^[a-z]+:/.test(link))
      .filter((link) => !known.has(posix.normalize(posix.join(posix.dirname(page), link)).replace(/\/$/, '')))
      .map((link) => `${page}: ${link} is not there`),
  );
}

function parentsOf(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '.' ? [] : [parent, ...parentsOf(parent)];
}

/** What the pages tell people to type: names that a command or script must have. */
function commandProblems(pages: Files, commands: readonly string[], scripts: readonly string[]): string[] {
  return [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/```(?:console|sh|bash)\n([\s\S]*?)```/g)].flatMap(([, block = '']) => [
      ...unknownNames(block, /\bsluice ([a-z][\w-]*)/g, commands).map((name) => `${page}: sluice has no ${name}`),
      ...unknownNames(block, /\bnpm run (?:-s |--silent )?([\w:-]+)/g, scripts).map(
        (name) => `${page}: no script ${name}`,
      ),
    ]),
  );
}

function unknownNames(block: string, form: RegExp, known: readonly string[]): string[] {
  // Where a command's name is not what is typed, such as a folder or a stack that is called sluice.
  const typed = block.split('\n').filter((line) => /^\s*(?:\$ )?(?:\w+=\S+ )*(?:npx |npm |sluice )/.test(line));
  return typed
    .flatMap((line) => [...line.matchAll(form)].map(([, name = '']) => name))
    .filter((name) => !known.includes(name));
}

const paths = listTree();
const code = readTree('.ts');
const pages = readTree('.md');
const written = new Map(
  [...readTree('.ts', '.mjs', '.md', '.json', '.yml', '.yaml', '.ci/run')].filter(
    ([path]) => path !== 'package-lock.json',
  ),
);
const { scripts } = JSON.parse(readTree('package.json').get('package.json') ?? '{}') as {
  scripts: Record<string, string>;
};
const program = code.get('src/cli/program.ts') ?? '';
const commands = [...program.matchAll(/import \{ (\w+)Command \}/g)].map(([, name = '']) =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
);

describe('the repository', () => {
  it('has no file longer than a reader can hold', () => expect(lengthProblems(code)).toEqual([]));
  it('has no loose ends and no test that does not run', () => expect(looseEnds(code)).toEqual([]));
  it('names its files in kebab-case', () => expect(nameProblems(paths)).toEqual([]));
  it('names its types for what they do', () => expect(wordProblems(code)).toEqual([]));
  it('tells nothing of the machines it was made on', () => expect(placeProblems(written)).toEqual([]));
  it('has no link that leads nowhere', () => expect(linkProblems(pages, paths)).toEqual([]));
  it('tells people to type only what exists', () => {
    expect(commandProblems(pages, commands, Object.keys(scripts))).toEqual([]);
  });
});

describe('untidiness is found:', () => {
  const one = (path: string, text: string) => new Map([[path, text]]);
  const cases: readonly [string, () => string[]][] = [
    ['a long file', () => lengthProblems(one('src/a.ts', 'x\n'.repeat(301)))],
    ['a long test', () => lengthProblems(one('test/a.test.ts', 'x\n'.repeat(501)))],
    ['a loose end', () => looseEnds(one('src/a.ts', `// ${'TO'}${'DO'} later`))],
    ['a test left out', () => looseEnds(one('test/a.test.ts', "it.skip('x', () => undefined);"))],
    ['a test that runs alone', () => looseEnds(one('test/a.test.ts', "describe.only('x', () => undefined);"))],
    ['a file in camelCase', () => nameProblems(['src/sluiceGate.ts'])],
    ['a folder with a capital', () => nameProblems(['src/Domain/gate.ts'])],
    ['a manager', () => wordProblems(one('src/a.ts', 'export class GateManager {}'))],
    ['a service of ours', () => wordProblems(one('src/a.ts', 'export interface MigrationService {}'))],
    ['a default export', () => wordProblems(one('src/a.ts', 'export default 1;'))],
    ['an enum', () => wordProblems(one('src/a.ts', 'export const enum Side { Source }'))],
    ['a path of a machine', () => placeProblems(one('docs/a.md', `see ${'/home'}/me/x`))],
    ['a registry', () => placeProblems(one('a.json', `"https://${'registry'}.npmjs.org/x"`))],
    ['a link to nothing', () => linkProblems(one('docs/a.md', '[x](../src/none.ts#L1)'), ['docs/a.md', 'src/some.ts'])],
    ['a command that is none', () => commandProblems(one('a.md', '```sh\n$ npx sluice fly now\n```'), ['start'], [])],
    ['a script that is none', () => commandProblems(one('a.md', '```console\nnpm run fly\n```'), [], ['demo'])],
  ];
  it.each(cases)('%s', (_, problems) => expect(problems()).toHaveLength(1));

  it('and what is tidy is left alone', () => {
    const page = one(
      'docs/a.md',
      '[x](../src/some.ts#L1) [y](https://example.com)\n```sh\nX=1 npx sluice start -f a.yaml\n```',
    );
    expect(linkProblems(page, ['docs/a.md', 'src/some.ts'])).toEqual([]);
    expect(commandProblems(page, ['start'], [])).toEqual([]);
    expect(wordProblems(one('src/a.ts', 'export interface Service {}\n// class GateManager'))).toEqual([]);
    expect(nameProblems(['src/kebab-case.test.ts', '.ci/run', 'examples/README.md'])).toEqual([]);
  });
});
