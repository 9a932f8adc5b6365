import * as v from 'valibot';
import { type Annotations, markKey } from '../../domain/annotations.ts';
import type { WriteMark } from '../../domain/observation.ts';

/** A mesh has fewer clusters; more would be somebody else's text. */
const clustersMax = 100;
const charactersMax = 40_000;

const time = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hash = v.nullable(v.pipe(v.string(), v.maxLength(100)));
const byCluster = <T extends v.GenericSchema>(value: T) =>
  v.pipe(v.record(v.pipe(v.string(), v.maxLength(100)), value), v.maxEntries(clustersMax));
const schema = v.object({
  atMs: time,
  before: byCluster(v.object({ hash, warnedAtMs: v.nullable(time) })),
  nudge: v.nullable(v.object({ revision: time, atMs: time, hashes: byCluster(hash) })),
});

export function markText(mark: WriteMark): string {
  return JSON.stringify(mark);
}

/** What is no mark is read as none: then nothing is known of what came after our write, and nothing follows from it. */
export function markIn(annotations: Annotations): WriteMark | null {
  const text = annotations[markKey];
  if (text === undefined || text.length > charactersMax) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : null;
}
