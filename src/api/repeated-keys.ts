import { type Path, type PlacedProblem, problemsMax } from './problems.ts';

/** One level of nesting: where it is, and the keys that an object had so far; a list counts its values. */
interface Level {
  readonly path: Path;
  readonly keys: Set<string> | null;
  at: string | number;
}

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

/**
 * Keys that an object of a JSON text has twice, `problemsMax` of them at most: the parser takes the last without a word.
 * @param text valid JSON
 */
export function repeatedKeys(text: string): readonly PlacedProblem[] {
  const problems: PlacedProblem[] = [];
  const levels: Level[] = [];
  let key = '';
  for (const [found] of text.matchAll(token)) {
    const level = levels.at(-1);
    if (problems.length >= problemsMax) break;
    if (found === '{' || found === '[') {
      const path = level === undefined ? [] : [...level.path, level.at];
      levels.push({ path, keys: found === '{' ? new Set() : null, at: found === '{' ? '' : 0 });
    } else if (found === '}' || found === ']') levels.pop();
    else if (found === ',' && typeof level?.at === 'number') level.at += 1;
    else if (found === ':' && level?.keys) {
      level.at = key;
      if (level.keys.has(key))
        problems.push({ path: [...level.path, key], message: 'stands there twice', isAtKey: true });
      level.keys.add(key);
    } else if (found.startsWith('"')) key = JSON.parse(found);
  }
  return problems;
}
