import { type Annotations, fenceKey } from '../../domain/annotations.ts';
import { FencedError } from '../../ports/errors.ts';

/** Who wrote, in managedFields: what a reading calls `writtenBy`. */
export const fieldManager = 'sluice';

/** What is no number is read as no fence: a vanished fence is drift, and people hear of it (rule 6). */
export function fenceOf(annotations: Annotations): number | null {
  const text = annotations[fenceKey];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** A lower revision never overwrites a higher one (rule 6). @throws FencedError */
export function assertFence(object: string, found: number | null, own: number): void {
  if (found !== null && found > own) {
    throw new FencedError(`${object} was written by revision ${found}, which is newer than ${own}`, found);
  }
}
