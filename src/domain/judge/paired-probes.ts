import type { Analysis, ProbeSpec, Side } from '../spec.ts';
import type { Sample } from '../verdict.ts';
import { endOf } from './cells.ts';
import type { JudgedStep } from './judging.ts';
import { type MetricVerdict, type Verdict, worstOf } from './verdict.ts';

/**
 * Paired probes: the same request to both sides, straight at the gateways, once a second. At half a request a second of
 * users they prove a step in minutes, at no cost to anybody (reference judge.md 2.4). A stream of their own, because they say
 * how the gateways serve the probes' paths, and nothing of other requests.
 */

const pairEveryMs = 1_000;
/** In one look, over all probes: after a pause nothing is made up for. */
const pairsMax = 30;
/** What was asked longer ago than this belongs to no interval that goes on. */
export const pairsLastMs = 60_000;

/** Half of the pairs go to the target whatever share it has, and the source keeps its half also when it has no users left. */
export function pairedStep(step: JudgedStep): JudgedStep {
  return { ...step, share: 50 };
}

/** Probes of one side have no pair. */
export function pairedProbes(probes: readonly ProbeSpec[]): readonly ProbeSpec[] {
  return probes.filter(({ side }) => side === 'both');
}

/** What is to be asked now: so many pairs of each probe, as the interval from `fromMs` on; null while none is due. */
export function pairsDue(
  known: readonly Sample[],
  probes: number,
  { atMs, watchEveryMs }: { readonly atMs: number; readonly watchEveryMs: number },
): { readonly fromMs: number; readonly pairs: number } | null {
  const lastMs = Math.max(0, ...known.map(endOf));
  const fromMs = atMs - lastMs > pairsLastMs ? atMs - watchEveryMs : lastMs;
  const seconds = Math.floor((atMs - fromMs) / pairEveryMs);
  return seconds < 1 || probes === 0 ? null : { fromMs, pairs: Math.min(seconds, Math.floor(pairsMax / probes)) };
}

/** One answer to one probe of a pair. */
export interface PairedAnswer {
  readonly side: Side;
  readonly isOk: boolean;
  /** Absent where nothing came back. */
  readonly ms?: number;
}

/** The answers of one look as a sample a side; what did not come back was slow as well. */
export function pairedSamples(
  answers: readonly PairedAnswer[],
  { fromMs, atMs, latency }: { readonly fromMs: number; readonly atMs: number; readonly latency: Analysis['latency'] },
): readonly Sample[] {
  return (['source', 'target'] as const).map((side): Sample => {
    const own = answers.filter((answer) => answer.side === side);
    const count = (is: (answer: PairedAnswer) => boolean) => own.filter(is).length;
    const sample = { side, instance: 'probes', fromMs, ms: atMs - fromMs, requests: own.length };
    const errors = count(({ isOk }) => !isOk);
    if (latency === null) return { ...sample, errors };
    return { ...sample, errors, slow: count(({ ms = Number.POSITIVE_INFINITY }) => ms > latency.overMs) };
  });
}

/** Above these odds that the target is worse, its users' requests are no case of too few any more. */
const doubtLn = Math.log(5);

/**
 * The verdict of users' requests and of paired probes together. What is wrong in either is wrong. Where users' requests are
 * too few to show anything, and nothing of them speaks against it, the probes stand in; where users' requests pass, probes
 * that are not far enough yet hold nothing back.
 */
export function withProbes(users: Verdict, probes: Verdict, { minRequests }: Pick<Analysis, 'minRequests'>): Verdict {
  const worst = worstOf([users, probes]);
  const ofUsers = [users, ...users.others];
  if (users.kind === 'pass' && isOpen(probes)) return before(users, worst, [probes, ...probes.others]);
  const areFew = ofUsers.every((one) => one.kind === 'pass' || isTooFew(one, minRequests));
  if (probes.kind !== 'pass' || users.kind === 'pass' || !areFew) return worst;
  const { requests } = users.target;
  const reason = `${probes.reason}, by paired probes; nothing speaks against it in ${requests} requests of users at the target`;
  return { ...before(probes, worst, ofUsers), reason };
}

function before(leading: Verdict, worst: Verdict, more: readonly (MetricVerdict | Verdict)[]): Verdict {
  const others = [...leading.others, ...more].map((one): MetricVerdict => {
    const { others: _others, findings: _findings, ...metric } = one as Verdict;
    return metric;
  });
  return { ...leading, others, findings: worst.findings };
}

function isOpen({ kind, cause, others }: Verdict): boolean {
  const open = (one: Pick<MetricVerdict, 'kind' | 'cause'>) =>
    one.kind === 'pass' || (one.kind === 'insufficient' && one.cause === 'open');
  return open({ kind, cause }) && others.every(open);
}

function isTooFew({ kind, cause, evidence, target }: MetricVerdict, minRequests: number): boolean {
  const isInDoubt = Math.max(evidence.worse.ln, evidence.over.ln) > doubtLn;
  return kind === 'insufficient' && cause === 'open' && !isInDoubt && target.requests >= minRequests;
}
