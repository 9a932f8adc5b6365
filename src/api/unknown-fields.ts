import type * as v from 'valibot';
import { nearest } from '../domain/nearest.ts';
import { isObject } from './choice.ts';
import type { Path, PlacedProblem } from './problems.ts';

/** What of a schema the search needs; every schema of the library has these where they apply. */
interface SchemaNode {
  readonly type: string;
  readonly wrapped?: SchemaNode;
  readonly entries?: Readonly<Record<string, SchemaNode>>;
  readonly item?: SchemaNode;
  readonly value?: SchemaNode;
  readonly getter?: (value: unknown) => SchemaNode;
}

/**
 * Finds every field that the schema does not know, at any depth, and gives back the value without them. The library
 * itself names only the first one of an object.
 */
export function takeOutUnknownFields(
  schema: v.GenericSchema,
  value: unknown,
): { readonly value: unknown; readonly problems: readonly PlacedProblem[] } {
  const problems: PlacedProblem[] = [];
  const search = (node: SchemaNode, part: unknown, path: Path): unknown => {
    if (node.wrapped) return search(node.wrapped, part, path);
    if (node.getter) return search(node.getter(part), part, path);
    const { item, entries } = node;
    if (item && Array.isArray(part)) return part.map((one, index) => search(item, one, [...path, index]));
    if (!isObject(part)) return part;
    const of = node.value;
    if (!entries && of) return mapValues(part, (inner, key) => search(of, inner, [...path, key]));
    if (!entries) return part;
    const known: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(part)) {
      const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
      if (entry) known[key] = search(entry, inner, [...path, key]);
      else problems.push({ path: [...path, key], message: messageFor(key, Object.keys(entries)), isAtKey: true });
    }
    return known;
  };
  return { value: search(schema as unknown as SchemaNode, value, []), problems };
}

function mapValues(
  record: Readonly<Record<string, unknown>>,
  change: (value: unknown, key: string) => unknown,
): unknown {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}

function messageFor(field: string, known: readonly string[]): string {
  const near = nearest(field, known);
  return near === null
    ? `is not a known field; known are ${known.join(', ')}`
    : `is not a known field; did you mean ${near}?`;
}
