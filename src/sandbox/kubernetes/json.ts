/** JSON as it came off the wire: never mutated, so that a stored object can be handed out without a copy. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** The object under `value`, or an empty one: reading through absent parts needs no questions. */
export function objectAt(value: Json | undefined, ...path: readonly string[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

export function listAt(value: Json | undefined, ...path: readonly string[]): readonly Json[] {
  const found = at(value, ...path);
  return isList(found) ? found : [];
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let here: Json | undefined = value;
  for (const part of path) here = isObject(here) && Object.hasOwn(here, part) ? here[part] : undefined;
  return here;
}

export function isEqual(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (isList(left)) {
    return isList(right) && left.length === right.length && left.every((item, i) => isEqual(item, right[i]));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = definedKeys(left);
  return keys.length === definedKeys(right).length && keys.every((key) => isEqual(left[key], right[key]));
}

function definedKeys(value: JsonObject): string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}

/**
 * A frozen deep copy without undefined fields. Entries are defined, not assigned, so that a field called `__proto__`
 * stays a field.
 */
export function frozen<T extends Json>(value: T): T {
  if (isList(value)) return Object.freeze(value.map((item) => frozen(item))) as unknown as T;
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, frozen(item)]]));
  return Object.freeze(Object.fromEntries(entries)) as T;
}

/** `value` with the fields of `changes`; an undefined field takes the field away. */
export function withFields(value: JsonObject, changes: JsonObject): JsonObject {
  const entries = Object.entries({ ...value, ...changes }).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries);
}

/** How deep lists and objects are nested in each other; stops counting above `max`. */
export function depthOf(value: unknown, max: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (max <= 0) return 1;
  let deepest = 0;
  for (const item of Object.values(value)) deepest = Math.max(deepest, depthOf(item, max - 1));
  return deepest + 1;
}
