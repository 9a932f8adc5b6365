import { isList, isObject, type Json, type JsonObject } from './json.ts';
import { itemIdentity, listMerge } from './list-keys.ts';
import type { ResourceType } from './resource-types.ts';

/** The leaves of an object by path. A path is `f:field` and `k:{identity}` segments joined by a zero character. */
export type Leaves = ReadonlyMap<string, Json>;

const separator = '\u0000';

/** Fields that the server writes and nobody owns. */
const unowned = new Set(
  ['apiVersion', 'kind', 'name', 'namespace', 'generateName', 'selfLink', 'uid', 'resourceVersion', 'generation']
    .concat(['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields'])
    .map((field) =>
      ['apiVersion', 'kind'].includes(field) ? `f:${field}` : ['f:metadata', `f:${field}`].join(separator),
    ),
);

export function leavesOf(type: ResourceType, value: JsonObject): Leaves {
  const leaves = new Map<string, Json>();
  collect(type, value, [], leaves);
  return leaves;
}

function collect(type: ResourceType, value: JsonObject, path: readonly string[], leaves: Map<string, Json>): void {
  for (const [field, item] of Object.entries(value)) {
    const here = [...path, `f:${field}`];
    const name = here.join(separator);
    if (item === undefined || item === null || unowned.has(name)) continue;
    if (isObject(item) && Object.keys(item).length > 0) collect(type, item, here, leaves);
    else if (isList(item) && isKeyed(type, field, item)) collectItems(type, field, item, here, leaves);
    else leaves.set(name, item);
  }
}

function collectItems(
  type: ResourceType,
  field: string,
  items: readonly Json[],
  path: readonly string[],
  leaves: Map<string, Json>,
): void {
  const merge = listMerge(type, field);
  for (const item of items) {
    if (merge && isObject(item)) collect(type, item, [...path, `k:${itemIdentity(merge, item)}`], leaves);
  }
}

function isKeyed(type: ResourceType, field: string, items: readonly Json[]): boolean {
  const merge = listMerge(type, field);
  return merge !== null && merge.identity.length > 0 && items.length > 0 && items.every((item) => isObject(item));
}

/** `value` without the leaf at `path`, and without the maps and items that this empties. */
export function withoutLeaf(type: ResourceType, value: JsonObject, path: string): JsonObject {
  return cut(type, value, path.split(separator));
}

function cut(type: ResourceType, value: JsonObject, [head = '', ...rest]: readonly string[]): JsonObject {
  const field = head.slice(2);
  const inner = value[field];
  const fields = new Map(Object.entries(value));
  const left = rest.length === 0 ? undefined : cutInner(type, field, inner, rest);
  if (left === undefined) fields.delete(field);
  else fields.set(field, left);
  return Object.fromEntries(fields);
}

function cutInner(
  type: ResourceType,
  field: string,
  inner: Json | undefined,
  rest: readonly string[],
): Json | undefined {
  if (isObject(inner)) {
    const left = cut(type, inner, rest);
    return Object.keys(left).length > 0 ? left : undefined;
  }
  const merge = listMerge(type, field);
  if (!isList(inner) || merge === null) return inner;
  const [item = '', ...deeper] = rest;
  const left = inner.flatMap((each) => {
    if (!isObject(each) || `k:${itemIdentity(merge, each)}` !== item) return [each];
    if (deeper.length === 0) return [];
    const trimmed = cut(type, each, deeper);
    // An item whose identity is all that is left of it has no owner any more.
    return Object.keys(trimmed).some((key) => !merge.identity.includes(key)) ? [trimmed] : [];
  });
  return left.length > 0 ? left : undefined;
}

/** The path of the innermost list item that a path runs through, or null. */
export function itemPath(path: string): string | null {
  const parts = path.split(separator);
  const last = parts.findLastIndex((part) => part.startsWith('k:'));
  return last < 0 ? null : parts.slice(0, last + 1).join(separator);
}

export function isWithin(path: string, outer: string): boolean {
  return path.startsWith(`${outer}${separator}`);
}

/** Paths as the tree of `fieldsV1`. */
export function fieldsTree(paths: Iterable<string>): JsonObject {
  const root: { [key: string]: Json } = {};
  for (const path of [...paths].sort()) {
    let here = root;
    for (const part of path.split(separator)) {
      here[part] ??= {};
      here = here[part] as { [key: string]: Json };
    }
  }
  return root;
}

/** The paths of a `fieldsV1` tree; `.` entries, which other servers write, say nothing about leaves. */
export function pathsOfTree(tree: JsonObject, prefix = ''): readonly string[] {
  return Object.entries(tree).flatMap(([part, inner]) => {
    if (part === '.') return [];
    const path = prefix === '' ? part : `${prefix}${separator}${part}`;
    return isObject(inner) && Object.keys(inner).length > 0 ? pathsOfTree(inner, path) : [path];
  });
}

/** A path for people: `.spec.ports[port=80,protocol="TCP"].nodePort`. */
export function pathText(path: string): string {
  return path
    .split(separator)
    .map((part) => {
      if (part.startsWith('f:')) return `.${part.slice(2)}`;
      const identity = JSON.parse(part.slice(2)) as JsonObject;
      const terms = Object.entries(identity).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      return `[${terms.join(',')}]`;
    })
    .join('');
}

export function isStatusPath(path: string): boolean {
  return path.split(separator, 1)[0] === 'f:status';
}

export function isMetadataPath(path: string): boolean {
  return path.split(separator, 1)[0] === 'f:metadata';
}
