/** What people (and schedules) may tell a migration; nothing else reaches the machine from outside. */
export type PersonCommand =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** Skips what is left of this step, or of all steps. */
  | { readonly type: 'promote'; readonly all: boolean }
  /** Approves the gate with this id; in `stuck`, accepts things as they are and closes (gate null). */
  | { readonly type: 'approve'; readonly gate: string | null }
  | { readonly type: 'abort'; readonly isForced: boolean }
  /** After completion: puts the baseline back while `undoFor` lasts. While a rollback is under way, isForced drops its guards. */
  | { readonly type: 'rollback'; readonly isForced: boolean }
  | { readonly type: 'retry' };

export const personVerbs = ['pause', 'resume', 'promote', 'approve', 'abort', 'rollback', 'retry'] as const;
export type PersonVerb = (typeof personVerbs)[number];
