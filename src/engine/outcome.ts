import type { AnswerEvent } from '../../state-machines/events.ts';

/** What came of one attempt at a command. */
export type Outcome =
  /** It is done, and this is the next event. */
  | { readonly kind: 'answer'; readonly event: AnswerEvent }
  /** It is done, and nobody waits for it. */
  | { readonly kind: 'done' }
  /** Not yet: look again after so long; the note tells people what it waits for. */
  | { readonly kind: 'again'; readonly inMs: number; readonly note: string }
  /** Not yet, and the machine has to know why; the command stays. */
  | { readonly kind: 'tellAndAgain'; readonly event: AnswerEvent; readonly inMs: number; readonly note: string }
  /** It is given up, with a line in the history. */
  | { readonly kind: 'dropped'; readonly text: string }
  /** An object carries a higher fence than this record ever had: the store lost commits (rule 6). */
  | { readonly kind: 'fenced'; readonly fence: number };

export const again = (inMs: number, note: string): Outcome => ({ kind: 'again', inMs, note });
export const answer = (event: AnswerEvent): Outcome => ({ kind: 'answer', event });
