import type { Analysis } from '../spec.ts';
import type { Count } from '../verdict.ts';
import type { JudgedStep } from './judging.ts';
import type { Evidence } from './step-verdict.ts';
import type { MetricVerdict } from './verdict.ts';

type Known = Omit<MetricVerdict, 'reason'>;

/** Why a verdict is what it is, in one line with its numbers: the same in get, history and chat. */
export function reasonOf(known: Known, analysis: Analysis, step: JudgedStep): string {
  const what = known.metric === 'errors' ? 'errors' : `slower than ${analysis.latency?.overMs ?? 0} ms`;
  const { source, target, difference } = known;
  const sides = known.isAlone ? `target ${rateText(target)}` : `target ${rateText(target)}, source ${rateText(source)}`;
  const limits = `(${points(difference.low)} to ${points(difference.high)})`;
  const compared = difference.estimate === null ? '' : `; difference ${points(difference.estimate)} points ${limits}`;
  const changed = known.changed === 'none' || known.changed === null ? '' : `; ${sideNames[known.changed]} changed`;
  return `${what}: ${sides}${compared}; ${causeText(known, analysis, step)}${changed}`;
}

const sideNames = { source: 'the source', target: 'the target', both: 'both sides' } as const;

function causeText(known: Known, { minRequests }: Analysis, step: JudgedStep): string {
  const { cause, evidence, margin, target } = known;
  const alone = known.isAlone ? ', compared with what the source was like before' : '';
  switch (cause) {
    case 'worse':
      return `the target is worse${alone}, evidence ${odds(evidence.worse)}`;
    case 'ceiling':
      return `the target is above the ceiling, evidence ${odds(evidence.over)}`;
    case 'proven':
      return `not worse by ${points(margin)} points${alone}, evidence ${odds(evidence.proven)}`;
    case 'common':
      return 'both sides fail together, so going back would not help';
    case 'silent':
      return `nothing arrives at the target although it has ${step.share} per cent: look at routing and health`;
    case 'baseline':
      return 'there is no control traffic, and nothing was counted before';
    case 'few':
      return `the target has ${target.requests} of the ${minRequests} requests that are asked for`;
    case 'idle':
      return 'the target has no share to judge';
    case 'unmeasured':
      return 'not measured';
    case 'alert':
      return 'an alert fires';
    case 'open':
      return `not shown yet${alone}: ${missingText(known)}`;
    default:
      return cause satisfies never;
  }
}

function missingText({ missing, target, evidence }: Known): string {
  if (target.requests === 0) return 'no requests of the target so far';
  const evidenceSoFar = `evidence ${odds(evidence.proven)} that it is healthy, ${odds(evidence.worse)} that it is worse`;
  if (missing === null) return evidenceSoFar;
  return `${missing.requests} more requests of the target, ${timeText(missing.ms)} at this rate; ${evidenceSoFar}`;
}

function rateText({ requests, errors }: Count): string {
  return requests === 0 ? 'no requests' : `${((errors / requests) * 100).toFixed(2)} % of ${requests}`;
}

function points(fraction: number): string {
  return (fraction * 100).toFixed(2);
}

/** Evidence as the odds that a gambler would have made of 1, up to where the number says nothing more. */
function odds({ ln, needed }: Evidence): string {
  const shown = ln > Math.log(1e6) ? 'over a million' : Number(Math.exp(ln).toPrecision(2));
  return `${shown} of ${Math.round(Math.exp(needed))}`;
}

function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}
