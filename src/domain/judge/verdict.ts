import type { Analysis } from '../spec.ts';
import type { Count, Sample, VerdictKind } from '../verdict.ts';
import { findingsOf } from './findings.ts';
import { inStep, type JudgedStep, type Judging } from './judging.ts';
import { policyOf } from './policy.ts';
import { noCount } from './state.ts';
import { type Cause, type Difference, type Evidence, type StepVerdict, verdictOf } from './step-verdict.ts';
import { reasonOf } from './words.ts';

export type Metric = 'errors' | 'latency';

/** What was found of one metric of one step, with the numbers behind it. */
export interface MetricVerdict {
  readonly kind: VerdictKind;
  readonly metric: Metric;
  /** The source of signals that it is of. */
  readonly signals: string;
  /** `few`: fewer requests than the spec wants; `unmeasured`: it could not be read; `alert`: an alert fires. */
  readonly cause: Cause | 'few' | 'unmeasured' | 'alert';
  /** Requests of this step that were judged; of latency, `errors` are the slow ones. */
  readonly source: Count;
  readonly target: Count;
  readonly difference: Difference;
  /** How much worse the target may be before the share rises, as a fraction. */
  readonly margin: number;
  readonly evidence: { readonly worse: Evidence; readonly over: Evidence; readonly proven: Evidence };
  /** Target requests and time until `pass` at the present rates; null where they do not lead there. */
  readonly missing: StepVerdict['missing'];
  readonly changed: StepVerdict['changed'];
  readonly noise: StepVerdict['noise'];
  /** No control traffic: compared with what the source was like before. */
  readonly isAlone: boolean;
  /** All of it in words. */
  readonly reason: string;
}

/** What is said of one step: the worst of its metrics and sources, the others, and what is wrong with the samples. */
export interface Verdict extends MetricVerdict {
  readonly others: readonly MetricVerdict[];
  readonly findings: readonly string[];
}

interface Question {
  readonly signals: string;
  readonly analysis: Analysis;
  readonly step: JudgedStep;
  /** Of the newest minutes: who reports, and how. */
  readonly samples: readonly Sample[];
  readonly atMs: number;
}

/** The verdict on the step under way. An error of one metric is never a `fail` of the other, and both must pass. */
export function judged(judging: Judging, question: Question): Verdict {
  const { analysis, step, samples, atMs } = question;
  const errors = metricVerdict('errors', verdictOf(inStep(judging.errors, step), policyOf(analysis)), question);
  const { latency } = analysis;
  const slow =
    latency === null || judging.latency === null
      ? []
      : [metricVerdict('latency', verdictOf(inStep(judging.latency, step), policyOf(latency)), question)];
  const [worst = errors, ...others] = [errors, ...slow].sort((one, other) => rank(one) - rank(other));
  return { ...worst, others, findings: findingsOf(samples, atMs) };
}

/** The verdict where the samples could not be read: neither good nor bad. */
export function unmeasured(signals: string, reason: string): Verdict {
  return { ...unknown, signals, kind: 'error', cause: 'unmeasured', reason };
}

/** Sources count the same requests, so each judges alone; the worst of them has the say. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  const [worst, ...others] = verdicts.toSorted((one, other) => rank(one) - rank(other));
  if (worst === undefined) return unmeasured('', 'no source of signals is named');
  return {
    ...worst,
    others: [worst, ...others].flatMap(({ others: more, findings: _, ...one }) =>
      one.signals === worst.signals ? more : [one, ...more],
    ),
    findings: verdicts.flatMap(({ findings }) => findings),
  };
}

/** The verdict of an alert that fires, in its words. */
export function alarmed(reason: string): Verdict {
  return { ...unknown, signals: 'alerts', kind: 'fail', cause: 'alert', reason };
}

/** Nothing is asked of the target, so there is nothing to judge. */
export function idle(): Verdict {
  return { ...unknown, kind: 'pass', cause: 'idle', reason: 'the target has no share to judge' };
}

const none: Evidence = { ln: 0, needed: 0 };
const unknown: Omit<Verdict, 'kind' | 'cause' | 'reason'> = {
  metric: 'errors',
  signals: '',
  source: noCount,
  target: noCount,
  difference: { estimate: null, low: -1, high: 1 },
  margin: 0,
  evidence: { worse: none, over: none, proven: none },
  missing: null,
  changed: null,
  noise: { batch: 0, minute: 0 },
  isAlone: false,
  others: [],
  findings: [],
};

/** Both sides in trouble comes first: going back would not help, whatever the other metric says (rule 5). */
function rank({ kind, cause }: MetricVerdict): number {
  if (cause === 'common') return 0;
  return ['fail', 'error', 'insufficient', 'pass'].indexOf(kind) + 1;
}

function metricVerdict(metric: Metric, known: StepVerdict, { analysis, step, signals }: Question): MetricVerdict {
  const { counted, worse, over, proven, ...rest } = known;
  const isFew = known.kind === 'pass' && counted.target.requests < analysis.minRequests;
  const found = { ...rest, ...(isFew ? ({ kind: 'insufficient', cause: 'few' } as const) : {}) };
  const numbers = { ...found, metric, signals, ...counted, evidence: { worse, over, proven } };
  return { ...numbers, reason: reasonOf(numbers, analysis, step) };
}
