import { isFields, type Place } from './gateway/finding.ts';

/** Where two objects say something else; undefined: the one says nothing there. */
export interface ObjectDifference {
  readonly path: Place;
  readonly found: unknown;
  readonly wanted: unknown;
}

/** More than anybody reads. */
const differencesMax = 50;

/** Every place at which what is there says something else than what was wanted, at most 50. */
export function objectDifferences(found: unknown, wanted: unknown, path: Place): readonly ObjectDifference[] {
  return compare(found, wanted, path).slice(0, differencesMax);
}

function compare(found: unknown, wanted: unknown, path: Place): readonly ObjectDifference[] {
  if (Array.isArray(found) && Array.isArray(wanted)) {
    const length = Math.max(found.length, wanted.length);
    return Array.from({ length }, (_, at) => compare(found[at], wanted[at], [...path, at])).flat();
  }
  if (isFields(found) && isFields(wanted)) {
    const keys = [...new Set([...Object.keys(wanted), ...Object.keys(found)])];
    return keys.flatMap((key) => compare(found[key], wanted[key], [...path, key]));
  }
  // A field that is null is a field that says nothing (JSON of a CRD).
  return (found ?? null) === (wanted ?? null) ? [] : [{ path, found, wanted }];
}
