import { observe } from '../../../src/domain/judge/observe.ts';
import { type JudgePolicy, policyOf } from '../../../src/domain/judge/policy.ts';
import { type Batch, beginStep, type JudgeState, newJudge } from '../../../src/domain/judge/state.ts';
import type { Count } from '../../../src/domain/verdict.ts';

export const standard = policyOf({});

export const count = (requests: number, errors = 0): Count => ({ requests, errors });

/** Batches of five seconds, one after the other, each as given. */
export function feed(
  state: JudgeState,
  times: number,
  batch: Pick<Batch, 'source' | 'target'>,
  { fromMs, policy = standard, ms = 5_000 }: { fromMs: number; policy?: JudgePolicy; ms?: number },
): JudgeState {
  let fed = state;
  for (let index = 1; index <= times; index += 1) {
    fed = observe(fed, { atMs: fromMs + index * ms, ms, ...batch }, policy);
  }
  return fed;
}

/** Ten minutes of a source with one error in 900 requests every ten seconds, then a step from `atMs` on. */
export const stepAtMs = 600_000;
export function warmedUp(share = 10, nextShare = 50): JudgeState {
  let state = newJudge();
  for (let index = 0; index < 60; index += 1) {
    state = feed(state, 1, { source: count(450, 1), target: count(0) }, { fromMs: index * 10_000 });
    state = feed(state, 1, { source: count(450), target: count(0) }, { fromMs: index * 10_000 + 5_000 });
  }
  return beginStep(state, { share, nextShare, fromMs: stepAtMs });
}
