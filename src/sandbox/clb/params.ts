import { clbErrors } from './errors.ts';

/** Request parameters as they arrive: text, lists flattened to `Name.1`, `Name.2` (reference B3). */
export type Params = Readonly<Record<string, string>>;

const indexMax = 100;

export function required(params: Params, name: string): string {
  const value = params[name];
  if (value === undefined || value === '') throw clbErrors.missing(name);
  return value;
}

export function optional(params: Params, name: string): string | null {
  const value = params[name];
  return value === undefined || value === '' ? null : value;
}

/** A whole number within the bounds, or null where the parameter is absent. */
export function optionalInteger(params: Params, name: string, min: number, max: number): number | null {
  const value = optional(params, name);
  return value === null ? null : integerIn(name, value, min, max);
}

export function integerIn(name: string, value: string, min: number, max: number): number {
  const number = Number(value);
  if (!/^-?\d{1,9}$/.test(value) || number < min || number > max) throw clbErrors.invalid(name);
  return number;
}

export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw clbErrors.invalid(name);
  return found;
}

/** `Name.1`, `Name.2`, ... until the first gap; a bare `Name` counts as one item. */
export function listParam(params: Params, name: string): readonly string[] {
  const single = optional(params, name);
  if (single !== null) return [single];
  const items: string[] = [];
  for (let index = 1; index <= indexMax; index += 1) {
    const item = optional(params, `${name}.${index}`);
    if (item === null) return items;
    items.push(item);
  }
  return items;
}

/** `Tag.1.Key` and `Tag.1.Value`, ... until the first gap. A value may be empty, a key may not. */
export function tagParams(params: Params): readonly { readonly key: string; readonly value: string }[] {
  const tags: { key: string; value: string }[] = [];
  for (let index = 1; index <= indexMax; index += 1) {
    const key = optional(params, `Tag.${index}.Key`);
    if (key === null) return tags;
    tags.push({ key, value: params[`Tag.${index}.Value`] ?? '' });
  }
  return tags;
}

/** One page of a list that is read with NextToken; the token is the offset, opaque to the caller. */
export function pageByToken<T>(
  items: readonly T[],
  token: string | null,
  size: number,
): { readonly page: readonly T[]; readonly nextToken: string } {
  const from = token === null ? 0 : offsetOf(token);
  const next = from + size;
  return {
    page: items.slice(from, next),
    nextToken: next < items.length ? Buffer.from(`from:${next}`).toString('base64url') : '',
  };
}

function offsetOf(token: string): number {
  const match = /^from:(\d{1,6})$/.exec(Buffer.from(token, 'base64url').toString('utf8'));
  if (match === null) throw clbErrors.invalid('NextToken');
  return Number(match[1]);
}
