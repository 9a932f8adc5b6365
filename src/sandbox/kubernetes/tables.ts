import { type Column, columnsByKind, plainColumns } from './columns.ts';
import type { Json, JsonObject } from './json.ts';
import type { KubeObject } from './kube-object.ts';
import type { ResourceType } from './resource-types.ts';

/** How much of each object a table carries along (`includeObject`). */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly apiVersion: string;
  readonly includeObject: IncludeObject;
  readonly nowMs: number;
  /** False for all but the first event of a watch. */
  readonly hasHeader: boolean;
}

/** A `meta.k8s.io` Table, which kubectl prints as it is. `metadata` is that of the list, or of the object. */
export function tableOf(
  type: ResourceType,
  objects: readonly KubeObject[],
  metadata: JsonObject,
  options: TableOptions,
): JsonObject {
  const columns = columnsByKind[type.kind] ?? plainColumns;
  const rows = objects.map((object) => ({
    cells: columns.map(({ cell }) => cell(object, options.nowMs)),
    ...includedObject(object, options),
  }));
  return {
    kind: 'Table',
    apiVersion: options.apiVersion,
    metadata,
    ...(options.hasHeader ? { columnDefinitions: columns.map((column) => definition(column)) } : {}),
    rows,
  };
}

function definition({ name, isWide }: Column): Json {
  const format = name === 'Name' ? 'name' : '';
  return { name, type: 'string', format, description: name, priority: isWide ? 1 : 0 };
}

function includedObject(object: KubeObject, { includeObject, apiVersion }: TableOptions): JsonObject {
  if (includeObject === 'None') return {};
  return { object: includeObject === 'Object' ? object : partialOf(object, apiVersion) };
}

/** The metadata of an object alone (`as=PartialObjectMetadata`). */
export function partialOf({ metadata }: KubeObject, apiVersion: string): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata };
}
