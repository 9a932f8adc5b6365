import type { Side } from '../../domain/spec.ts';
import type { Sample } from '../../domain/verdict.ts';
import { messageOf, TerminalError, TransientError } from '../../ports/errors.ts';
import type { PulledFrom, Signals } from '../../ports/signals.ts';
import { countWindows, type PrometheusSource, type Windows } from './counts.ts';

export interface PulledSource extends PrometheusSource {
  /** A window is asked for when it ended so long ago: what was scraped last has to be there. */
  readonly delayMs: number;
  /** While the newest sample is no older than this, a source that cannot be asked is not told of. */
  readonly patienceMs: number;
}

export interface PulledOptions {
  /** By name in the installation's configuration. */
  readonly sources: Readonly<Record<string, PulledSource>>;
  /** The store's clock, milliseconds since the epoch. */
  now(): Promise<number>;
}

/** One look reaches back over no more than this: what is older and was not asked for in time is not counted. */
const windowsMax = 40;

/**
 * Signals that are pulled where a source is named, and those that were pushed where none is.
 *
 * What was pulled is kept beside what was pushed, under `<migration>@<source>`, which is the name of no migration. So a
 * window is asked for once, whichever process asks first, and what two ask for at once is the same sample.
 */
export function pulledSignals(kept: Signals, { sources, now }: PulledOptions): Signals {
  return {
    record: (name, samples) => kept.record(name, samples),
    read: async (name, sinceMs, from) => {
      if (from === undefined) return kept.read(name, sinceMs);
      const source = sources[from.source];
      if (source === undefined) throw new TerminalError(`the installation has no source of signals "${from.source}"`);
      const nowMs = await now();
      const keptName = `${name}@${from.source}`;
      const known = await kept.read(keptName, sinceMs);
      const counted = await pull(source, from, missing(source, known, sinceMs, nowMs), known, nowMs);
      if (counted.length === 0) return known;
      await kept.record(keptName, counted);
      return kept.read(keptName, sinceMs);
    },
  };
}

async function pull(
  source: PulledSource,
  { source: name, spec }: PulledFrom,
  windows: Readonly<Record<Side, Windows>>,
  known: readonly Sample[],
  nowMs: number,
): Promise<readonly Sample[]> {
  if (windows.source.count + windows.target.count <= 0) return [];
  try {
    const counted = await countWindows(source, spec, windows);
    // A source always has traffic before a migration, so nothing at all is a query that finds nothing, not silence.
    const isBlind = ![...known, ...counted].some(({ side }) => side === 'source');
    if (isBlind && windows.source.count > 1) {
      throw new TerminalError('requests of the source: the query finds no counter that was there in two windows');
    }
    return counted;
  } catch (error) {
    if (isFresh(known, nowMs - source.patienceMs)) return [];
    const message = `signals of ${name}: ${messageOf(error)}`;
    throw error instanceof TransientError ? new TransientError(message) : new TerminalError(message);
  }
}

/** The windows of each side that are over and of which nothing is known, the newest ones. */
function missing(
  { windowMs, delayMs }: PulledSource,
  known: readonly Sample[],
  sinceMs: number,
  nowMs: number,
): Readonly<Record<Side, Windows>> {
  const untilMs = Math.floor((nowMs - delayMs) / windowMs) * windowMs;
  const firstMs = Math.max(Math.ceil(sinceMs / windowMs) * windowMs, untilMs - windowsMax * windowMs);
  const of = (side: Side): Windows => {
    const fromMs = Math.max(firstMs, ...known.filter((one) => one.side === side).map(endOf));
    return { fromMs, count: Math.max(0, Math.round((untilMs - fromMs) / windowMs)) };
  };
  return { source: of('source'), target: of('target') };
}

function isFresh(known: readonly Sample[], sinceMs: number): boolean {
  return known.some((sample) => endOf(sample) >= sinceMs);
}

function endOf({ fromMs, ms }: Sample): number {
  return fromMs + ms;
}
