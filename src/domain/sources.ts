import type { Analysis } from './spec.ts';

/** The source that asks nobody: what programs send (`POST .../signals`, Redis). */
export const pushed = 'push';

/** The sources of signals that a migration is judged by, each once, in the order that the spec says. */
export function sourcesOf({ signals }: Pick<Analysis, 'signals'>): readonly string[] {
  return [...new Set(typeof signals === 'string' ? [signals] : signals)];
}

const fromWorst = ['fail', 'error', 'insufficient', 'pass'] as const;

/**
 * The verdict of several sources: the worst wins, and of equals the first. That one could not be measured is `error`, which
 * holds back a `pass` and hides no `fail`.
 */
export function worstOf<Kind extends { readonly kind: (typeof fromWorst)[number] }>(
  first: Kind,
  others: readonly Kind[],
): Kind {
  const badness = ({ kind }: Kind) => fromWorst.indexOf(kind);
  return others.reduce((worst, one) => (badness(one) < badness(worst) ? one : worst), first);
}
