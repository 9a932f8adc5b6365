import type { Analysis } from './spec.ts';

/** The source that asks nobody: what programs send (`POST .../signals`, Redis). */
export const pushed = 'push';

/** The sources of signals that a migration is judged by, each once, in the order that the spec says. */
export function sourcesOf({ signals }: Pick<Analysis, 'signals'>): readonly string[] {
  return [...new Set(typeof signals === 'string' ? [signals] : signals)];
}
