import { type Side, sides } from '../../domain/spec.ts';
import type { Sample } from '../../domain/verdict.ts';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import type { PulledFrom } from '../../ports/signals.ts';
import { ask, type Endpoint } from './ask.ts';
import { increases } from './increases.ts';
import { type Queries, queriesOf, type SideQueries } from './queries.ts';
import { type Series, seriesIn } from './series.ts';

/** A source of signals that is pulled from. */
export interface PrometheusSource extends Endpoint {
  /** Null: Istio's own counters. */
  readonly queries: Queries | null;
  /** Length of the intervals that are counted; their bounds are whole multiples of it since 1970. */
  readonly windowMs: number;
}

/** Windows to be counted on one side. */
export interface Windows {
  readonly fromMs: number;
  readonly count: number;
}

/** So far back a counter that is not shown for a moment is still known: without it, it would look like a new one. */
const windowsBefore = 8;

/**
 * What Prometheus counted on each side in the windows asked for: two queries a side, and two more for latency, each sent
 * once more where it failed for a while only. A window that begins or ends in a gap gives no sample.
 * @throws TransientError, TerminalError naming the side and what was asked for
 */
export async function countWindows(
  source: PrometheusSource,
  spec: PulledFrom['spec'],
  windows: Readonly<Record<Side, Windows>>,
): Promise<readonly Sample[]> {
  const queries = queriesOf(source.queries, spec);
  const counted = await allEnded(sides.map((side) => countSide(source, side, queries[side], windows[side])));
  return counted.flat();
}

async function countSide(
  source: PrometheusSource,
  side: Side,
  queries: SideQueries,
  windows: Windows,
): Promise<readonly Sample[]> {
  if (windows.count <= 0) return [];
  const { timed } = queries;
  const read = (what: string, query: string) =>
    named(`${what} of the ${side}`, () => readSeries(source, query, windows));
  const [requests = [], errors = [], all = [], fast = []] = await allEnded([
    read('requests', queries.requests),
    read('errors', queries.errors),
    ...(timed === null ? [] : [read('latency', timed.all), read('latency', timed.fast)]),
  ]);
  const inWindows = (counters: readonly Series[]) =>
    increases(counters, requests, windowsBefore + windows.count).slice(windowsBefore);
  const failed = inWindows(errors);
  const slow = timed === null ? null : slowIn({ requests, all, fast }, inWindows, `${side}: ${timed.overMs} ms`);
  return inWindows(requests).flatMap((count, index): Sample[] => {
    const wrong = failed[index] ?? null;
    if (count === null || wrong === null) return [];
    if (wrong > count) {
      throw new TerminalError(`${side}: ${wrong} errors of ${count} requests: the queries do not count the same`);
    }
    const fromMs = windows.fromMs + index * source.windowMs;
    const sample = { side, instance: 'prometheus', fromMs, ms: source.windowMs, requests: count, errors: wrong };
    const late = slow?.[index] ?? null;
    // A histogram is brought up to date a moment after the counter.
    return [late === null ? sample : { ...sample, slow: Math.min(late, count) }];
  });
}

interface Timed {
  readonly requests: readonly Series[];
  readonly all: readonly Series[];
  readonly fast: readonly Series[];
}

/** Requests of each window that took longer than the bound, as one histogram tells it; without the bound all would look slow. */
function slowIn(
  { requests, all, fast }: Timed,
  inWindows: (counters: readonly Series[]) => readonly (number | null)[],
  what: string,
): readonly (number | null)[] {
  if (requests.length > 0 && fast.length === 0) {
    const found =
      all.length === 0 ? 'no histogram is found' : 'no bucket of the histogram has this bound: take one that it has';
    throw new TerminalError(`${what}: ${found}`);
  }
  const within = inWindows(fast);
  return inWindows(all).map((count, index) => {
    const good = within[index] ?? null;
    return count === null || good === null ? null : Math.max(0, count - good);
  });
}

/**
 * A subquery, because Prometheus itself then refuses an expression that is no instant vector, and because its steps lie on
 * whole multiples of the step. The lines around the query end a comment in it. A millisecond more than the windows:
 * whether the first bound belongs to the range depends on the version.
 */
async function readSeries(source: PrometheusSource, query: string, windows: Windows): Promise<readonly Series[]> {
  const { windowMs: stepMs } = source;
  const count = windowsBefore + windows.count;
  const firstMs = windows.fromMs - windowsBefore * stepMs;
  const asked = `(\n${query}\n)[${count * stepMs + 1}ms:${stepMs}ms]`;
  const atMs = firstMs + count * stepMs;
  const answer = await ask(source, asked, atMs).catch((error: unknown) => {
    if (error instanceof TransientError) return ask(source, asked, atMs);
    throw error;
  });
  return seriesIn(answer, { firstMs, stepMs, count: count + 1 });
}

async function named(what: string, read: () => Promise<readonly Series[]>): Promise<readonly Series[]> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TransientError) throw new TransientError(`${what}: ${error.message}`, { cause: error });
    if (error instanceof TerminalError) throw new TerminalError(`${what}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** As `Promise.all`, but nothing is still under way when one has failed: an instance may be frozen right after. */
async function allEnded<Value>(promises: readonly Promise<Value>[]): Promise<readonly Value[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}
