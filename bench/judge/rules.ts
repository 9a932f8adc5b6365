import { argoRule, isRelativelyGood } from '../../src/cli/judge/argo-rule.ts';
import { flaggerRule } from '../../src/cli/judge/flagger-rule.ts';
import { kayentaRule } from '../../src/cli/judge/kayenta-rule.ts';
import type { Rule } from '../../src/cli/judge/rule.ts';
import { sluiceRule } from '../../src/cli/judge/sluice-rule.ts';
import { policyOf } from '../../src/domain/judge/policy.ts';
import type { Weather } from './traffic.ts';

export interface Contender {
  readonly name: string;
  /** Sluice bakes each step for five minutes at least; the others go on when their rule says so. */
  readonly bakes: boolean;
  /** `tuned` rules know the usual error rate, as a careful person would. */
  readonly make: (weather: Weather) => Rule;
}

const tunedMin = ({ base }: Weather): number => 1 - base - 0.01;
const standard = policyOf({});

export const sluiceStandard: Contender = {
  name: 'sluice standard',
  bakes: true,
  make: () => sluiceRule(standard),
};

export const contenders: readonly Contender[] = [
  sluiceStandard,
  { name: 'sluice strict', bakes: true, make: () => sluiceRule(policyOf({ profile: 'strict' })) },
  { name: 'Flagger 99 %, 5 checks', bakes: false, make: () => flaggerRule() },
  { name: 'Flagger, tuned', bakes: false, make: (weather) => flaggerRule({ successMin: tunedMin(weather) }) },
  { name: 'Argo 99 %, limit 1', bakes: false, make: () => argoRule() },
  {
    name: 'Argo tuned, limit 1',
    bakes: false,
    make: (weather) => argoRule({ isGood: ({ target }) => isAtLeast(tunedMin(weather), target) }),
  },
  { name: 'Argo relative, limit 1', bakes: false, make: () => argoRule({ isGood: isRelativelyGood }) },
  { name: 'Kayenta 50 x 60 s', bakes: false, make: () => kayentaRule() },
];

/** What was tried against slow noise of each side: by how many standard deviations of it the ratio is widened. */
export const remedies: readonly Contender[] = [0, 1, 2, 3].map((sway) => ({
  name: sway === 0 ? 'not widened' : `widened by ${sway} sd${sway === 2 ? ' (in use)' : ''}`,
  bakes: true,
  make: () => sluiceRule({ ...standard, sway }),
}));

function isAtLeast(min: number, { requests, errors }: { readonly requests: number; readonly errors: number }): boolean {
  return requests > 0 && 1 - errors / requests >= min;
}
