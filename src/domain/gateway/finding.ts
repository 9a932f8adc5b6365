import { nearest } from '../nearest.ts';

/** Where something is in an object: `['spec', 'ports', 0, 'targetPort']`. */
export type Place = readonly (string | number)[];

/** Something about a manifest that a person should know; `fail` is what the mesh or Kubernetes would not take. */
export interface Finding {
  readonly status: 'fail' | 'warn';
  readonly path: Place;
  readonly message: string;
  /** The key itself is meant, not its value. */
  readonly isAtKey: boolean;
}

/** Checks one value where it stands; no finding where it is as it should be. */
export type Check = (value: unknown, path: Place) => readonly Finding[];

export type Fields = Readonly<Record<string, unknown>>;

export function fail(path: Place, message: string, isAtKey = false): Finding {
  return { status: 'fail', path, message, isAtKey };
}

export function warn(path: Place, message: string, isAtKey = false): Finding {
  return { status: 'warn', path, message, isAtKey };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of a value, none where it has no fields. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A value as a message may show it: short, on one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? kindOf(value) : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function kindOf(value: object): string {
  return Array.isArray(value) ? 'a list' : 'an object';
}

export function unknownField(path: Place, field: string, known: readonly string[]): Finding {
  const near = nearest(field, known);
  const hint = near === null ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  return fail([...path, field], `is not a known field; ${hint}`, true);
}
