import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
/** What is made or fetched, and so not ours to judge. */
const foreign = ['node_modules', 'dist', 'coverage', '.git', '.sluice'];

/** Every path of the repository, from its root. */
export function listTree(): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => !foreign.includes(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(entry.name) : [entry.name]))
    .sort();
}

/** Every text file of the repository whose path ends so, by its path. */
export function readTree(...endings: readonly string[]): Map<string, string> {
  const paths = listTree().filter((path) => endings.some((ending) => path.endsWith(ending)));
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, root), 'utf8')]));
}

function filesBelow(folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, root), { withFileTypes: true }).flatMap((entry) => {
    if (foreign.includes(entry.name)) return [];
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|`(?:\\[\s\S]|[^\\`])*`|'(?:\\.|[^\\'\n])*'|"(?:\\.|[^\\"\n])*"/g;

/** Code without its comments and template texts; strings stay, since imports name files by them. Lines keep their numbers. */
export function withoutComments(source: string): string {
  return source.replace(tokens, (token) =>
    token.startsWith("'") || token.startsWith('"') ? token : token.replace(/[^\n]/g, ' '),
  );
}

/** Code without comments and without any text: only what runs. */
export function onlyCode(source: string): string {
  return source.replace(tokens, (token) => token.replace(/[^\n]/g, ' '));
}
