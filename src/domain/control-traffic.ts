import type { Step } from './spec.ts';

/** A change of the file that would make a verdict better; nothing is refused for want of it. */
export interface Advice {
  /** 1-based: the step that it is about. */
  readonly step: number;
  readonly text: string;
}

/** With less than 5 per cent at the source there is hardly anything to compare with; below 90 the last rise is a large one. */
const lastWithControl = { from: 90, to: 95 } as const;

/**
 * At 100 per cent the source has no traffic left, and the target is compared with what it was like before (reference
 * judge.md 2.3): a step shortly before keeps both sides side by side.
 */
export function controlTrafficAdvice(steps: readonly Pick<Step, 'share'>[]): readonly Advice[] {
  const { from, to } = lastWithControl;
  const alone = steps.findIndex(({ share }) => share >= 100);
  if (alone < 0 || steps.slice(0, alone).some(({ share }) => share >= from && share <= to)) return [];
  const text = `the step at 100 per cent leaves no control traffic: it is judged against what the source was like before, and an outage of everything looks like the target's own. Take a step at ${from} to ${to} per cent before it`;
  return [{ step: alone + 1, text }];
}
