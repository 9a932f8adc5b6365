import type { Evidence, StepVerdict } from '../../domain/judge/step-verdict.ts';
import { perCent } from '../show.ts';
import type { Replayed, RuleName } from './replay.ts';

/** The answer of `sluice judge` for people: the verdict, and why. */
export function replayTable(answer: Replayed, rule: RuleName): string {
  const { verdict, at, failedRequests, requests, share, firstPassAt, known } = answer;
  const lines: [string, string][] = [
    ['verdict', rule === 'sluice' ? `${verdict}: ${because(known)}` : `${verdict} (rule of ${rule})`],
    ['at', `${at} s${firstPassAt === null || verdict === 'fail' ? '' : `, pass from ${firstPassAt} s on`}`],
    ['failed', `${failedRequests} of ${requests.source + requests.target} requests, from the first line on`],
    ['step', `share ${perCent(share)}, ${sideText(known, 'source')}, ${sideText(known, 'target')}`],
    ['difference', differenceText(known)],
    ['margin', `${points(known.margin)} before the share rises`],
  ];
  if (rule === 'sluice') lines.push(...evidenceLines(known));
  return lines.map(([label, text]) => `${label.padEnd(10)}  ${text}`).join('\n');
}

function evidenceLines(known: StepVerdict): [string, string][] {
  const { worse, over, proven, missing, changed, noise } = known;
  const more =
    missing === null
      ? []
      : [['missing', `${missing.requests} more target requests, ${formatSeconds(missing.ms)} at this rate`]];
  return [
    ['evidence', `worse ${weight(worse)}, above the ceiling ${weight(over)}, healthy ${weight(proven)}`],
    ...(more as [string, string][]),
    ['changed', changed ?? 'not known: nothing was counted before the step'],
    [
      'noise',
      `${perCent(noise.batch * 100)} of the rate from batch to batch, ${perCent(noise.minute * 100)} from minute to minute`,
    ],
  ];
}

function because({ cause, isAlone }: StepVerdict): string {
  const reasons: Readonly<Record<StepVerdict['cause'], string>> = {
    worse: 'the target fails more than the source allows',
    ceiling: 'the target fails more than may ever be',
    proven: 'the target is not worse than its margin',
    common: 'both sides fail together; the source would be no better',
    silent: 'nothing arrives at the target although it has a share: look at routing and health',
    open: 'neither is shown yet',
    idle: 'the target has no share',
    baseline: 'there is no control traffic, and nothing was counted before',
  };
  const alone = isAlone ? ' (no control traffic: compared with what the source was like before)' : '';
  return `${reasons[cause]}${alone}`;
}

function sideText({ counted }: StepVerdict, side: 'source' | 'target'): string {
  return `${side} ${counted[side].errors} of ${counted[side].requests} failed`;
}

function differenceText({ difference: { estimate, low, high } }: StepVerdict): string {
  const limits = `${points(low)} to ${points(high)} (95 %, however often one looks)`;
  return estimate === null ? `not known, ${limits}` : `${points(estimate)}, ${limits}`;
}

function points(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} points`;
}

/** Evidence as the odds that a gambler would have made of 1, up to where the number says nothing more. */
function weight({ ln, needed }: Evidence): string {
  const shown = ln > Math.log(1e6) ? '> 1000000' : Math.exp(ln).toPrecision(2);
  return `${shown} of ${Math.round(Math.exp(needed))}`;
}

function formatSeconds(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}
