import {
  type Check,
  type Fields,
  type Finding,
  fail,
  isFields,
  type Place,
  shown,
  unknownField,
  warn,
} from './finding.ts';

/** What the checks of a manifest's values are made of. Each one names what is expected and what is there. */

export function text(form: string, pattern: RegExp, charactersMax: number): Check {
  return (value, path) => {
    if (typeof value !== 'string') return [fail(path, `must be ${form}, not ${shown(value)}${quoteHint(value)}`)];
    if (value.length > charactersMax) return [fail(path, `is longer than ${charactersMax} characters`)];
    return pattern.test(value) ? [] : [fail(path, `must be ${form}, not ${shown(value)}`)];
  };
}

export function anyText(charactersMax: number): Check {
  return text('a text', /^/, charactersMax);
}

export function wholeNumber(min: number, max: number): Check {
  const range = max >= int32Max ? `of at least ${min}` : `from ${min} to ${max}`;
  return (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? []
      : [fail(path, `must be a whole number ${range}, not ${shown(value)}`)];
}

export const int32Max = 2_147_483_647;

export const flag: Check = (value, path) =>
  typeof value === 'boolean' ? [] : [fail(path, `must be true or false, not ${shown(value)}`)];

export function oneOf(words: readonly string[]): Check {
  return (value, path) =>
    typeof value === 'string' && words.includes(value)
      ? []
      : [fail(path, `must be ${inWords(words)}, not ${shown(value)}`)];
}

export function list(item: Check, itemsMax: number): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return [fail(path, `must be a list, not ${shown(value)}`)];
    if (value.length > itemsMax) return [fail(path, `has ${value.length} entries; the limit is ${itemsMax}`)];
    return value.flatMap((one, index) => item(one, [...path, index]));
  };
}

/** An object whose keys people choose. */
export function map(key: Check, entry: Check, entriesMax: number): Check {
  return (value, path) => {
    if (!isFields(value)) return [fail(path, `must be a map, not ${shown(value)}`)];
    const entries = Object.entries(value);
    if (entries.length > entriesMax) return [fail(path, `has ${entries.length} entries; the limit is ${entriesMax}`)];
    return entries.flatMap(([name, one]) => {
      const at = [...path, name];
      return [...key(name, at).map((finding) => ({ ...finding, isAtKey: true })), ...entry(one, at)];
    });
  };
}

/** An object with these fields and no other. */
export function object(fields: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, path) => {
    if (!isFields(value)) return [fail(path, `must be an object with fields, not ${shown(value)}`)];
    return [
      ...required.filter((name) => isEmpty(value[name])).map((name) => fail([...path, name], 'is missing')),
      ...Object.entries(value)
        .filter(([name, one]) => !isEmpty(one) || !required.includes(name))
        .flatMap(([name, one]) => fieldFindings(fields, path, name, one)),
    ];
  };
}

/** Missing, or written without a value, which reads the same. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null;
}

function fieldFindings(fields: Readonly<Record<string, Check>>, path: Place, name: string, value: unknown) {
  const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (check === undefined) return [unknownField(path, name, Object.keys(fields))];
  const at = [...path, name];
  // The API server prunes an empty value before it validates; a missing one is told by the rule that needs it.
  return value === null ? [warn(at, 'has no value, which reads as left out', true)] : check(value, at);
}

/** Kubernetes' own types, which the CRD reference does not spell out: an object and nothing more is asked for. */
export const anyObject: Check = (value, path) =>
  isFields(value) ? [] : [fail(path, `must be an object with fields, not ${shown(value)}`)];

/** A field that no page describes beyond its name. */
export function alsoTold(note: string, check: Check): Check {
  return (value, path) => [warn(path, note, true), ...check(value, path)];
}

/** Further rules for a value that has the right form already. */
export function and(check: Check, rule: (value: Fields, path: Place) => readonly Finding[]): Check {
  return (value, path) => [...check(value, path), ...(isFields(value) ? rule(value, path) : [])];
}

/** Entries of a list that name the same thing; the second one is told. */
export function repeats(
  entries: readonly unknown[],
  path: Place,
  nameOf: (entry: unknown) => string | null,
  field: string | null,
): readonly Finding[] {
  const seen = new Map<string, number>();
  return entries.flatMap((entry, index) => {
    const name = nameOf(entry);
    if (name === null) return [];
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    const at = field === null ? [...path, index] : [...path, index, field];
    return first === undefined ? [] : [fail(at, `${name} stands here twice; first in entry ${first + 1}`)];
  });
}

function quoteHint(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? ': put it in double quotes' : '';
}

export function inWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
