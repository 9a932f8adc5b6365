import type { JudgePolicy } from '../../domain/judge/policy.ts';
import type { StepVerdict } from '../../domain/judge/step-verdict.ts';
import { argoRule } from './argo-rule.ts';
import { derivedShare } from './derive-share.ts';
import { flaggerRule } from './flagger-rule.ts';
import { kayentaRule } from './kayenta-rule.ts';
import type { Rule, RuleAnswer } from './rule.ts';
import { sluiceRule } from './sluice-rule.ts';
import type { TraceLine } from './trace.ts';

export const ruleNames = ['sluice', 'flagger', 'argo', 'kayenta'] as const;
export type RuleName = (typeof ruleNames)[number];

export interface ReplayOptions {
  readonly rule: RuleName;
  readonly policy: JudgePolicy;
  /** Shares of the steps, per cent, rising. */
  readonly steps: readonly number[];
  /** After each change of the share so much is not judged, where the trace does not say it. */
  readonly settleMs: number;
}

export interface Replayed {
  readonly verdict: RuleAnswer;
  /** Seconds, as the trace has them. */
  readonly at: number;
  /** Of both sides, from the first line up to `at`. */
  readonly failedRequests: number;
  readonly requests: { readonly source: number; readonly target: number };
  /** The share of the step that the verdict is on, and the first moment at which a verdict was `pass` in it. */
  readonly share: number;
  readonly firstPassAt: number | null;
  /** What Sluice's judge knows at `at`, whichever rule decided. */
  readonly known: StepVerdict;
}

/** Runs a trace through a rule: `fail` ends it, otherwise the verdict is the one at its end. */
export function replay(lines: readonly TraceLine[], { rule: name, policy, steps, settleMs }: ReplayOptions): Replayed {
  const own = sluiceRule(policy);
  const rules: readonly Rule[] = name === 'sluice' ? [own] : [own, ruleOf(name)];
  const rule = rules.at(-1) ?? own;
  const derived = derivedShare([...steps, ...commonShares]);
  const requests = { source: 0, target: 0 };
  let [failedRequests, share, firstPassAt, asked] = [0, 0, null as number | null, null as number | null];
  let at = 0;
  for (const [index, line] of lines.entries()) {
    const ms = intervalMs(lines, index);
    const found = derived.next(line.source, line.target);
    asked = line.share ?? asked;
    const wanted = asked ?? found;
    if (wanted !== share || line.judgedFrom !== null) {
      share = wanted;
      firstPassAt = null;
      const nextShare = line.next ?? steps.find((step) => step > share) ?? 100;
      const step = { share, nextShare, fromMs: judgedFromMs(line, index, ms, settleMs) };
      for (const one of rules) one.begin(step);
    }
    for (const one of rules)
      one.observe({ atMs: Math.round(line.at * 1000), ms, source: line.source, target: line.target });
    requests.source += line.source.requests;
    requests.target += line.target.requests;
    failedRequests += line.source.errors + line.target.errors;
    at = line.at;
    const answer = rule.answer();
    if (answer === 'fail') break;
    if (answer === 'pass') firstPassAt ??= line.at;
  }
  return { verdict: rule.answer(), at, failedRequests, requests, share, firstPassAt, known: own.verdict() };
}

/** Where neither the trace nor a file says them. */
const commonShares = [1, 5, 10, 25, 50, 75, 90, 95, 100];
const usualMs = 5_000;

/** Before the first line nothing was written; later the write lies where the line begins, where the line does not say it. */
function judgedFromMs({ at, judgedFrom }: TraceLine, index: number, ms: number, settleMs: number): number {
  if (judgedFrom !== null) return Math.round(judgedFrom * 1000);
  return index === 0 ? Number.MIN_SAFE_INTEGER : at * 1000 - ms + settleMs;
}

/** A line covers the time since the line before, or since the moment that it says; the first as much as the second. */
function intervalMs(lines: readonly TraceLine[], index: number): number {
  const line = lines[index];
  if (line !== undefined && line.from !== null) return Math.round((line.at - line.from) * 1000);
  const [from, to] = index === 0 ? [lines[0], lines[1]] : [lines[index - 1], lines[index]];
  return from === undefined || to === undefined ? usualMs : (to.at - from.at) * 1000;
}

function ruleOf(name: Exclude<RuleName, 'sluice'>): Rule {
  switch (name) {
    case 'flagger':
      return flaggerRule();
    case 'argo':
      return argoRule();
    case 'kayenta':
      return kayentaRule();
    default:
      throw new Error(`unknown rule ${name satisfies never}`);
  }
}
