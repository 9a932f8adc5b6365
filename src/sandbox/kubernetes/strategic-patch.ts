import { badRequest } from './api-error.ts';
import { isEqual, isList, isObject, type Json, type JsonObject } from './json.ts';
import { listMerge } from './list-keys.ts';
import type { ResourceType } from './resource-types.ts';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/**
 * A strategic merge patch with the directives that kubectl sends: `$patch`, `$retainKeys`, `$setElementOrder/...`,
 * `$deleteFromPrimitiveList/...`.
 * @source k8s.io/apimachinery/pkg/util/strategicpatch/patch.go (mergeMap, mergeSlice)
 */
export function strategicPatch(type: ResourceType, target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) throw badRequest('json: cannot unmarshal patch into Go value of type map[string]interface {}');
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw badRequest(`Unknown patch type: ${String(directive)}`);
  const fields = new Map<string, Json>(Object.entries(retained(target, patch)) as [string, Json][]);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$') || value === undefined) continue;
    if (value === null) fields.delete(key);
    else fields.set(key, mergeField(type, key, fields.get(key), value));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) dropValues(fields, key.slice(deletePrefix.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(orderPrefix)) {
      const field = key.slice(orderPrefix.length);
      sortList(type, fields, field, value, isObject(target) ? target[field] : undefined);
    }
  }
  return Object.fromEntries(fields);
}

/** What `$retainKeys` leaves of the target: fields of a union that the patch does not name go. */
function retained(target: Json | undefined, patch: JsonObject): JsonObject {
  const fields = isObject(target) ? target : {};
  const keep = patch['$retainKeys'];
  if (!isList(keep)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => keep.includes(key)));
}

function mergeField(type: ResourceType, key: string, current: Json | undefined, value: Json): Json {
  if (isObject(value)) return strategicPatch(type, current, value);
  if (!isList(value)) return value;
  const merge = listMerge(type, key);
  if (merge === null) return value;
  const items = isList(current) ? current : [];
  if (merge.key === null) return [...items, ...value.filter((item) => !items.includes(item))];
  return mergeItems(type, merge.key, key, items, value);
}

function mergeItems(
  type: ResourceType,
  mergeKey: string,
  field: string,
  current: readonly Json[],
  patch: readonly Json[],
) {
  const replaces = patch.some((item) => isObject(item) && item['$patch'] === 'replace');
  let items = replaces ? [] : [...current];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`invalid object in the list ${field} of the patch`);
    if (item['$patch'] === 'replace') continue;
    const name = item[mergeKey];
    if (name === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    const at = items.findIndex((each) => isObject(each) && isEqual(each[mergeKey], name));
    if (item['$patch'] === 'delete') items = items.filter((_, i) => i !== at);
    else if (at < 0) items.push(strategicPatch(type, {}, item));
    else items[at] = strategicPatch(type, items[at], item);
  }
  return items;
}

function dropValues(fields: Map<string, Json>, key: string, values: Json | undefined): void {
  const list = fields.get(key);
  if (!isList(list) || !isList(values)) return;
  fields.set(
    key,
    list.filter((item) => !values.some((value) => isEqual(value, item))),
  );
}

/**
 * The items that the order names come as named; what only the server has keeps its place before those that it stood
 * before. @source strategicpatch/patch.go (normalizeElementOrder, mergeSortedSlice)
 */
function sortList(
  type: ResourceType,
  fields: Map<string, Json>,
  key: string,
  order: Json | undefined,
  old: Json | undefined,
) {
  const list = fields.get(key);
  if (!isList(list) || !isList(order)) return;
  const mergeKey = listMerge(type, key)?.key ?? null;
  const nameOf = (item: Json | undefined) => (mergeKey !== null && isObject(item) ? item[mergeKey] : item);
  const rankIn = (names: readonly Json[], item: Json) => names.findIndex((each) => isEqual(nameOf(each), nameOf(item)));
  const served = isList(old) ? old : [];
  const named = list.filter((item) => rankIn(order, item) >= 0).sort((a, b) => rankIn(order, a) - rankIn(order, b));
  const others = list.filter((item) => rankIn(order, item) < 0);
  const sorted: Json[] = [];
  for (const item of named) {
    const place = rankIn(served, item);
    while (others[0] !== undefined && place >= 0 && rankIn(served, others[0]) < place)
      sorted.push(others.shift() as Json);
    sorted.push(item);
  }
  fields.set(key, [...sorted, ...others]);
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
