import { TerminalError } from '../../ports/errors.ts';

/** One counter: what it showed at each boundary between two windows, null where it showed nothing that counts. */
export interface Series {
  /** The pod and the scraped address that count: where they begin anew, all their counters do. */
  readonly group: string;
  readonly values: readonly (number | null)[];
}

/** More are not the counters of two gateways; the query is to be narrowed, or summed. */
const seriesMax = 5_000;

interface Points {
  readonly firstMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/**
 * The counters in an answer of Prometheus. Values that are no numbers are gaps.
 * @throws TerminalError for an answer of another form, and for a counter below zero
 * @source Prometheus, "HTTP API", "Instant queries" and "Range vectors"
 */
export function seriesIn(answer: unknown, points: Points): readonly Series[] {
  const { data } = asObject(answer);
  const { resultType, result } = asObject(data);
  if (resultType !== 'matrix' || !Array.isArray(result)) {
    throw new TerminalError(`the answer is ${JSON.stringify(resultType)?.slice(0, 40)}, not counters over time`);
  }
  if (result.length > seriesMax) {
    throw new TerminalError(`${result.length} counters are found, more than ${seriesMax}: narrow the query`);
  }
  return result.map((one: unknown) => {
    const { metric, values } = asObject(one);
    const { pod = '', instance = '' } = asObject(metric);
    return { group: `${String(pod)} ${String(instance)}`, values: valuesAt(values, points) };
  });
}

function valuesAt(values: unknown, { firstMs, stepMs, count }: Points): readonly (number | null)[] {
  const found = new Array<number | null>(count).fill(null);
  for (const pair of Array.isArray(values) ? values : []) {
    const [seconds, text] = Array.isArray(pair) ? pair : [];
    const index = Math.round((Number(seconds) * 1000 - firstMs) / stepMs);
    // Prometheus writes NaN and +Inf as texts; both are values, and neither is a count.
    const value = typeof text === 'string' ? Number(text) : Number.NaN;
    if (!Number.isFinite(value) || index < 0 || index >= count) continue;
    if (value < 0) throw new TerminalError(`a value is ${text}: no counter is below zero`);
    found[index] = value;
  }
  return found;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new TerminalError('the answer has not the form of the HTTP API of Prometheus');
}
