import { type Side, sides } from '../spec.ts';
import type { Count, Sample } from '../verdict.ts';
import type { FedCell } from './judging.ts';
import { noCount } from './state.ts';

/**
 * What the judge of a migration was fed, so that it can be run again (`sluice judge`): kept as samples under a name of
 * its own, where the bounds of samples hold (a day, 50,000 of them), and what the judge made of them is their instance.
 */

/** One line of a trace: what both sides counted in one cell. Times are seconds since 1970. */
export interface TraceCell {
  readonly at: number;
  readonly source: Count;
  readonly target: Count;
  /** Where a step begins: its share, the share after it, and from when on it is judged. */
  readonly share?: number;
  readonly next?: number;
  readonly judgedFrom?: number;
  /** Begin of what was counted, where that is not the line before. */
  readonly from?: number;
}

/** The name under which a migration's cells are kept; of no migration, for its form. */
export function traceName(name: string, source: string): string {
  return `${name}@${source}@judged`;
}

/** An instance has 128 characters at most; a run differs from others of its name in its end. */
const runCharacters = 60;

/** The cells of one look as samples, one a side; where routes go one after the other, they name that of the judge. */
export function tracedSamples(
  cells: readonly FedCell[],
  { run, route }: { readonly run: string; readonly route: string | null },
): readonly Sample[] {
  const label = route === null ? {} : { loadBalancer: route };
  return cells.flatMap(({ cell, step }) => {
    const { share, nextShare, fromMs } = step ?? { share: 0, nextShare: 0, fromMs: 0 };
    const instance = [run.slice(-runCharacters), share, nextShare, fromMs, cell.fromMs].join('/');
    return sides.map(
      (side): Sample => ({ side, instance, fromMs: cell.atMs - cell.ms, ms: cell.ms, ...cell[side], ...label }),
    );
  });
}

interface Kept {
  readonly share: number;
  readonly nextShare: number;
  readonly judgedFromMs: number;
  readonly countedFromMs: number;
  readonly fromMs: number;
  readonly ms: number;
  readonly counts: Record<Side, Count>;
}

/**
 * The trace of one run, oldest first: of one route after the other only the last, which has a judge of its own. Where two
 * invocations looked at the same time, what one counted twice is left out.
 */
export function traceOf(samples: readonly Sample[], run: string): readonly TraceCell[] {
  const label = samples.findLast((sample) => keptIn(sample, run) !== null)?.loadBalancer;
  const cells = new Map<string, Kept>();
  for (const sample of samples) {
    const kept = keptIn(sample, run);
    if (kept === null || sample.loadBalancer !== label) continue;
    const key = `${sample.fromMs} ${sample.instance}`;
    const known = cells.get(key) ?? kept;
    known.counts[sample.side] = { requests: sample.requests, errors: sample.errors };
    cells.set(key, known);
  }
  return lines([...cells.values()]);
}

function lines(cells: readonly Kept[]): readonly TraceCell[] {
  const trace: TraceCell[] = [];
  let [endMs, step] = [Number.NEGATIVE_INFINITY, ''];
  for (const { share, nextShare, judgedFromMs, countedFromMs, fromMs, ms, counts } of cells) {
    if (fromMs < endMs) continue;
    const named = `${share} ${judgedFromMs}`;
    const reachesBack = countedFromMs < judgedFromMs && fromMs + ms > judgedFromMs;
    const begins = named === step ? {} : beginOf(share, nextShare, judgedFromMs);
    const counted = reachesBack ? countedFromMs : fromMs;
    const from = counted === endMs ? {} : { from: counted / 1000 };
    trace.push({ at: (fromMs + ms) / 1000, source: counts.source, target: counts.target, ...begins, ...from });
    [endMs, step] = [fromMs + ms, named];
  }
  return trace;
}

function beginOf(share: number, next: number, judgedFromMs: number): Partial<TraceCell> {
  return share === 0 ? { share } : { share, next, judgedFrom: judgedFromMs / 1000 };
}

const form = /^(.*)\/(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)\/(\d+)\/(\d+)$/;

function keptIn(sample: Sample, run: string): Kept | null {
  const parts = form.exec(sample.instance);
  if (parts === null || parts[1] !== run.slice(-runCharacters)) return null;
  const [share = 0, nextShare = 0, judgedFromMs = 0, countedFromMs = 0] = parts.slice(2).map(Number);
  const counts = { source: noCount, target: noCount };
  return { share, nextShare, judgedFromMs, countedFromMs, fromMs: sample.fromMs, ms: sample.ms, counts };
}
