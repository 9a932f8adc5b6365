import { ApiError, type Cause } from './api-error.ts';
import {
  fieldsTree,
  isMetadataPath,
  isStatusPath,
  isWithin,
  itemPath,
  type Leaves,
  leavesOf,
  pathsOfTree,
  pathText,
  withoutLeaf,
} from './field-paths.ts';
import { isEqual, type JsonObject } from './json.ts';
import type { ManagedFields } from './kube-object.ts';
import type { ResourceType } from './resource-types.ts';

/** Who writes: one entry of managedFields is kept for each manager, operation and subresource. */
export interface Writer {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time: string;
  readonly subresource?: string;
}

/** More managers of updates than this are folded into one, as the API server does (DefaultMaxUpdateManagers). */
const updateManagersMax = 10;

/**
 * The managedFields after a write: the writer owns what it changed (or applied), others lose it, and paths that are gone
 * have no owner. `applied` are the leaves of an applied configuration, owned even where they changed nothing.
 */
export function managedAfter(
  type: ResourceType,
  before: JsonObject | null,
  after: JsonObject,
  managed: readonly ManagedFields[],
  writer: Writer,
  applied: Leaves | null = null,
): readonly ManagedFields[] {
  const leaves = leavesOf(type, after);
  const changed = changedPaths(before === null ? new Map() : leavesOf(type, before), leaves);
  const others = managed.filter((entry) => !isOf(entry, writer));
  const own = managed.find((entry) => isOf(entry, writer));
  const kept = others.flatMap((entry) => {
    const paths = pathsOfTree(entry.fieldsV1);
    const left = paths.filter((path) => leaves.has(path) && !changed.has(path));
    if (left.length === paths.length) return [entry];
    return left.length === 0 ? [] : [{ ...entry, fieldsV1: fieldsTree(left) }];
  });
  const held = own ? pathsOfTree(own.fieldsV1) : [];
  const wanted = applied === null ? [...held, ...changed] : [...applied.keys()];
  // The status that defaulting gives a new object is nobody's: it belongs to who writes /status.
  const isOwnable = (path: string) => !type.hasStatus || isStatusPath(path) === (writer.subresource === 'status');
  const mine = new Set(wanted.filter((path) => leaves.has(path) && (isOwnable(path) || isMetadataPath(path))));
  if (mine.size === 0) return kept;
  const isSame =
    own !== undefined && changed.size === 0 && held.length === mine.size && held.every((path) => mine.has(path));
  const entry = isSame ? own : { ...writer, fieldsType: 'FieldsV1' as const, fieldsV1: fieldsTree(mine) };
  return folded([...kept, entry]);
}

/** Refuses an apply that would change what another manager owns. @throws ApiError 409 with one cause for each field */
export function refuseConflicts(
  type: ResourceType,
  before: JsonObject,
  after: JsonObject,
  managed: readonly ManagedFields[],
  writer: Writer,
  applied: Leaves,
): void {
  const changed = changedPaths(leavesOf(type, before), leavesOf(type, after));
  const disputed = [...changed].filter((path) => applied.has(path));
  const causes: Cause[] = managed
    .filter((entry) => !isOf(entry, writer))
    .flatMap((entry) => {
      const owned = new Set(pathsOfTree(entry.fieldsV1));
      const message = `conflict with ${JSON.stringify(entry.manager)} using ${entry.apiVersion}`;
      const fields = disputed.filter((path) => owned.has(path)).sort();
      return fields.map((path) => ({ reason: 'FieldManagerConflict', message, field: pathText(path) }));
    });
  if (causes.length === 0) return;
  const [first] = causes;
  const text =
    causes.length === 1
      ? `1 conflict: ${first?.message}: ${first?.field}`
      : `${causes.length} conflicts: ${causes.map(({ message, field }) => `${message}:\n- ${field}`).join('\n')}`;
  throw new ApiError(409, 'Conflict', `Apply failed with ${text}`, { causes: causes as unknown as JsonObject[] });
}

/** Takes away what this applier applied before, applies no more, and nobody else owns. */
export function withoutDropped(
  type: ResourceType,
  object: JsonObject,
  managed: readonly ManagedFields[],
  writer: Writer,
  applied: Leaves,
): JsonObject {
  const own = managed.find((entry) => isOf(entry, writer));
  if (!own) return object;
  const others = new Set(managed.filter((entry) => entry !== own).flatMap((entry) => pathsOfTree(entry.fieldsV1)));
  const dropped = pathsOfTree(own.fieldsV1).filter((path) => !applied.has(path) && !others.has(path));
  // A list item that nobody asks for any more goes as a whole, with what defaulting had added to it.
  const claimed = [...applied.keys(), ...others];
  const items = new Set(dropped.flatMap((path) => itemPath(path) ?? []));
  const orphaned = [...items].filter((item) => !claimed.some((path) => isWithin(path, item)));
  const single = dropped.filter((path) => !orphaned.some((item) => isWithin(path, item)));
  return [...orphaned, ...single].reduce((left, path) => withoutLeaf(type, left, path), object);
}

function changedPaths(before: Leaves, after: Leaves): ReadonlySet<string> {
  return new Set([...after].filter(([path, value]) => !isEqual(before.get(path), value)).map(([path]) => path));
}

function isOf(entry: ManagedFields, writer: Writer): boolean {
  return (
    entry.manager === writer.manager && entry.operation === writer.operation && entry.subresource === writer.subresource
  );
}

function folded(entries: readonly ManagedFields[]): readonly ManagedFields[] {
  const updates = entries.filter(({ operation }) => operation === 'Update');
  if (updates.length <= updateManagersMax) return entries;
  const oldest = updates
    .toSorted((a, b) => a.time.localeCompare(b.time))
    .slice(0, updates.length - updateManagersMax + 1);
  const paths = oldest.flatMap(({ fieldsV1 }) => pathsOfTree(fieldsV1));
  const newest = oldest.at(-1) as ManagedFields;
  const ancient = { ...newest, manager: 'ancient-changes', fieldsV1: fieldsTree(paths) };
  return [ancient, ...entries.filter((entry) => !oldest.includes(entry))];
}
