import { observe } from '../../domain/judge/observe.ts';
import type { JudgePolicy } from '../../domain/judge/policy.ts';
import { beginStep, type JudgeState, newJudge } from '../../domain/judge/state.ts';
import { decide, type StepVerdict, verdictOf } from '../../domain/judge/step-verdict.ts';
import type { Rule } from './rule.ts';

export interface SluiceRule extends Rule {
  verdict(): StepVerdict;
  state(): JudgeState;
}

/** Sluice's own judge as one of the rules. */
export function sluiceRule(policy: JudgePolicy): SluiceRule {
  let state = newJudge();
  return {
    begin: (step) => {
      state = beginStep(state, step);
    },
    observe: (batch) => {
      state = observe(state, batch, policy);
    },
    answer: () => decide(state, policy).kind,
    verdict: () => verdictOf(state, policy),
    state: () => state,
  };
}
