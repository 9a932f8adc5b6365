import type { Analysis } from './spec.ts';

/** The source that asks nobody: what programs send (`POST .../signals`, Redis). */
export const pushed = 'push';
/** The source that Sluice makes itself: paired probes of both sides, which stand beside what users' requests say. */
export const paired = 'probes';

/** The sources of signals that a migration is judged by, each once, in the order that the spec says. */
export function sourcesOf({ signals }: Pick<Analysis, 'signals'>): readonly string[] {
  return [...new Set(typeof signals === 'string' ? [signals] : signals)];
}

/** The name under which the answers to paired probes are kept; of no migration, for its form. */
export function pairedName(name: string): string {
  return `${name}@${paired}`;
}
