import type { Batch, StepStart } from '../../domain/judge/state.ts';

export type RuleAnswer = 'pass' | 'fail' | 'insufficient';

/** A way to judge a migration, fed with counts in the order of time; those of others are here to compare with. */
export interface Rule {
  begin(step: StepStart): void;
  observe(batch: Batch): void;
  answer(): RuleAnswer;
}
