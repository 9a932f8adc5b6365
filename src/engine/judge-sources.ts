import type { MigrationContext } from '../../state-machines/context.ts';
import type { Look } from '../../state-machines/events.ts';
import { endOf } from '../domain/judge/cells.ts';
import { goneAfterMs } from '../domain/judge/findings.ts';
import { type FedCell, feed, type JudgedStep } from '../domain/judge/judging.ts';
import { pairedStep, withProbes } from '../domain/judge/paired-probes.ts';
import { tracedSamples, traceName } from '../domain/judge/trace.ts';
import { idle, judged, unmeasured, type Verdict, worstOf } from '../domain/judge/verdict.ts';
import { paired } from '../domain/sources.ts';
import type { Analysis } from '../domain/spec.ts';
import { type Sample, samplesOf } from '../domain/verdict.ts';
import { messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import type { SourceReading } from './read-signals.ts';

/** Each source of signals judged alone, and the worst verdict of them; what each judge was fed is kept for its trace. */
export async function judgeSources(
  { signals }: Pick<Ports, 'signals'>,
  { spec, run, judging }: MigrationContext,
  step: JudgedStep | null,
  readings: readonly SourceReading[],
  atMs: number,
): Promise<Pick<Look, 'verdict' | 'judging'>> {
  if (step === null) return { verdict: idle(), judging };
  const { name, analysis } = spec;
  const { route } = step;
  const fed = { ...judging };
  const verdicts = readings.map(async ({ source, samples: read, trouble }) => {
    if (trouble !== null) return unmeasured(source, trouble);
    const isPaired = source === paired;
    const samples = isPaired ? read : ofRoute(read, route);
    const own = isPaired ? { step: pairedStep(step), analysis: { ...analysis, minRequests: 1 } } : { step, analysis };
    const { judging: known, cells } = feed(fed[source], samples, own.step, { analysis, atMs });
    fed[source] = known;
    const recent = samples.filter((sample) => endOf(sample) > atMs - goneAfterMs);
    const verdict = judged(known, { signals: source, ...own, samples: recent, atMs });
    return keepTrace(signals, verdict, { name: traceName(name, source), run, route, cells });
  });
  return { verdict: together(await Promise.all(verdicts), analysis), judging: fed };
}

/** The worst verdict of those who count users' requests, and what paired probes add to it. */
function together(verdicts: readonly Verdict[], analysis: Analysis): Verdict {
  const probes = verdicts.find(({ signals }) => signals === paired);
  const users = worstOf(verdicts.filter((verdict) => verdict !== probes));
  return probes === undefined ? users : withProbes(users, probes, analysis);
}

/** Only what came through the load balancer of the route that moves; of all routes together, everything. */
export function ofRoute(samples: readonly Sample[], loadBalancer: string | null): readonly Sample[] {
  return loadBalancer === null ? samples : samplesOf(samples, loadBalancer);
}

interface Traced {
  readonly name: string;
  readonly run: string;
  readonly route: string | null;
  readonly cells: readonly FedCell[];
}

/** A trace that cannot be kept changes no verdict: it is told as a finding. */
async function keepTrace(
  signals: Ports['signals'],
  verdict: Verdict,
  { name, cells, ...of }: Traced,
): Promise<Verdict> {
  if (cells.length === 0) return verdict;
  try {
    await signals.record(name, tracedSamples(cells, of));
    return verdict;
  } catch (error) {
    return { ...verdict, findings: [...verdict.findings, `what was judged could not be kept: ${messageOf(error)}`] };
  }
}
