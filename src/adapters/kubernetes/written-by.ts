/** One entry of metadata.managedFields, from the generated client or from a custom object. */
interface ManagedEntry {
  readonly manager?: string | undefined;
  readonly time?: string | Date | undefined;
  readonly fieldsV1?: unknown;
}

const managerCharactersMax = 128;

/**
 * The manager of the newest entry that owns the field, null where no entry names it: who wrote the weight last.
 * @param path names below the object's root: `['metadata', 'annotations', '<key>']`
 */
export function writtenBy(entries: readonly ManagedEntry[] | undefined, path: readonly string[]): string | null {
  const owners = (entries ?? []).filter(({ fieldsV1 }) => owns(fieldsV1, path));
  const newest = owners.reduce<ManagedEntry | null>(
    (found, entry) => (found === null || timeOf(entry) >= timeOf(found) ? entry : found),
    null,
  );
  return newest?.manager?.slice(0, managerCharactersMax) ?? null;
}

function owns(fields: unknown, path: readonly string[]): boolean {
  let at = fields;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return false;
    at = (at as Readonly<Record<string, unknown>>)[`f:${name}`];
  }
  return at !== undefined;
}

function timeOf({ time }: ManagedEntry): number {
  return time === undefined ? 0 : new Date(time).getTime();
}
