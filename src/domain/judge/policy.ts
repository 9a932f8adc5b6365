/** What a verdict is asked to find out, in numbers (reference judge.md 2.3). Rates and budgets are fractions. */
export interface JudgePolicy {
  readonly profile: Profile;
  /** The target counts as worse above `ratio` times the source's error rate, plus `offset`. */
  readonly ratio: number;
  readonly offset: number;
  /** How much worse all traffic together may get. */
  readonly harmBudget: number;
  /** Chance that a whole migration of a target that is no worse is called failed. */
  readonly falseAlarm: number;
  /** Chance that a step is called passed although the target is worse than its margin. */
  readonly falsePass: number;
  /** An error rate of the target above this fails, whatever the source does. */
  readonly max: number;
  /** Where each side's rate sways by itself, the ratio is widened by so many standard deviations of that. */
  readonly sway: number;
}

/** `strict` is for gateways that share their backends: noise of one side alone sets it off (reference judge.md 2.5). */
export const profiles = {
  standard: { ratio: 1.5, offset: 0.001 },
  strict: { ratio: 1.2, offset: 0.0002 },
} as const;
export type Profile = keyof typeof profiles;
export const profileNames = ['standard', 'strict'] as const satisfies readonly Profile[];

export type PolicyWish = Partial<Pick<JudgePolicy, 'profile' | 'harmBudget' | 'falseAlarm' | 'max'>>;

/** The policy of a migration that asks for nothing, or for some of it. */
export function policyOf({
  profile = 'standard',
  harmBudget = 0.005,
  falseAlarm = 0.01,
  max = 0.2,
}: PolicyWish): JudgePolicy {
  return { profile, ...profiles[profile], harmBudget, falseAlarm, falsePass: 0.05, max, sway: 2 };
}

/** Below this the comparison is with a target that is worse for nearly everybody. */
const marginMax = 0.2;

/**
 * How much worse the target's rate may be before the share rises to `nextShare` (per cent): what of the harm budget
 * falls on that share. Half a per cent of all traffic is 2 points before 25 per cent, 1 before 50, 0.5 before 100.
 */
export function marginBefore(nextShare: number, { harmBudget }: JudgePolicy): number {
  return Math.min(marginMax, (harmBudget * 100) / Math.max(nextShare, 1));
}
