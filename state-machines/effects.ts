import type { NoticeKind } from '../src/domain/notice.ts';

/**
 * Everything the machine can ask for, as inert data: carrying it out is the engine's.
 * A `question` numbers what was asked; the answering event repeats it, so that a late answer to an older question is
 * recognised and ignored.
 */
export type MigrationEffect =
  /** Check that the migration can work, and read the baseline. */
  | { readonly type: 'preflight'; readonly params: { readonly question: number } }
  /** Write the way back to where it can be read without us. */
  | { readonly type: 'keepBaseline'; readonly params: { readonly question: number } }
  /** Bring every route to the share of a step, and verify it. */
  | { readonly type: 'shift'; readonly params: { readonly question: number; readonly step: number } }
  /** Look once, after `inMs`: weights, probes, signals. */
  | { readonly type: 'watch'; readonly params: { readonly question: number; readonly inMs: number } }
  /** Bring every route back to its baseline, and verify it. */
  | {
      readonly type: 'restore';
      readonly params: { readonly question: number; readonly isForced: boolean; readonly everyMs: number };
    }
  /** Count once, after `inMs`, what is left at the source. */
  | { readonly type: 'count'; readonly params: { readonly question: number; readonly inMs: number } }
  /** Set weights straight at the CLB, read them back and set the annotated ones again: for a rehearsal. */
  | { readonly type: 'tryGlass'; readonly params: { readonly question: number } }
  /** Close the way back, unless somebody is on it. */
  | { readonly type: 'emptyBaseline'; readonly params: { readonly question: number } }
  /** Empty the kept baseline and give the claims back. */
  | { readonly type: 'finish'; readonly params: { readonly question: number } }
  /** One line of history, and a notice on every channel. */
  | {
      readonly type: 'tell';
      readonly params: { readonly kind: NoticeKind; readonly step: number; readonly reason: string | null };
    };

type Inert = { [E in MigrationEffect as E['type']]: (_: unknown, params: E['params']) => void };

const inert = (): void => undefined;

/** What setup() is given: names and parameter types, and nothing that runs. */
export const inertEffects: Inert = {
  preflight: inert,
  keepBaseline: inert,
  shift: inert,
  watch: inert,
  restore: inert,
  count: inert,
  tryGlass: inert,
  emptyBaseline: inert,
  finish: inert,
  tell: inert,
};

export function isMigrationEffect(action: {
  readonly type: string;
  readonly params?: unknown;
}): action is MigrationEffect {
  return Object.hasOwn(inertEffects, action.type);
}
