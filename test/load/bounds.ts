import { type LoadFigures, type LoadSettings, megabytes } from './run.ts';

/** What one migration may take in Redis at most (docs/redis.md, "How large it gets"). */
const bytesMax = { record: 256 * 1024 * 1.1, history: 2 * 1024 * 1024, signals: 10 * 1024 * 1024 } as const;
/** A heap whose last third is this much larger than its middle third grows. */
const heapGrowthMax = 1.15;
const heapNoise = 8 * 1024 * 1024;

export interface Line {
  readonly what: string;
  readonly figure: string;
  readonly bound: string;
  readonly isKept: boolean;
}

/** The figures as a table, each with its bound. */
export function linesOf(settings: LoadSettings, figures: LoadFigures): readonly Line[] {
  const { lateMs, redis, heap, failed, states } = figures;
  const [middle, end] = [mean(third(heap, 1)), mean(third(heap, 2))];
  const lost = Object.entries(states).filter(([state]) => !/^progressing|^completed$/.test(state));
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  return [
    line(
      'work is late by at most (virtual)',
      seconds(lateMs.most),
      `${seconds(settings.watchEveryMs)}, one watch interval`,
      lateMs.most <= settings.watchEveryMs,
    ),
    line('99 of 100 times by at most', seconds(lateMs.p99), 'for information', true),
    line('migrations that could not be advanced', String(failed.length), '0', failed.length === 0),
    line('migrations not under way', lost.map((one) => one.join(' ')).join(', ') || '0', '0', lost.length === 0),
    line(
      'heap, middle third to last third',
      `${megabytes(middle)} -> ${megabytes(end)} MB`,
      `x ${heapGrowthMax}`,
      end <= middle * heapGrowthMax + heapNoise,
    ),
    ...(['record', 'history', 'signals'] as const).map((kind) =>
      line(
        `largest ${kind} in Redis`,
        `${(redis[kind] / 1024).toFixed(0)} KB`,
        `${(bytesMax[kind] / 1024).toFixed(0)} KB`,
        redis[kind] <= bytesMax[kind],
      ),
    ),
    line('Redis for each migration', `${(redis.perMigration / 1024).toFixed(0)} KB`, 'for information', true),
    line('largest RSS', `${megabytes(Math.max(0, ...figures.rss))} MB`, 'for information', true),
    line(
      'samples written',
      String(figures.samples),
      `${samplesMin(settings)}, nine of ten`,
      figures.samples >= samplesMin(settings),
    ),
    line('commits', String(figures.commits), 'for information', true),
    line('all under way after (virtual)', seconds(figures.underWayAfterMs), 'for information', true),
    line('took (wall)', seconds(figures.tookMs), 'for information', true),
  ];
}

/** Where fewer are written than were to be, it is the machine that is too slow, and the load is another one. */
function samplesMin({ migrations, forMs }: LoadSettings): number {
  return Math.floor((migrations * forMs * 0.9) / 1_000);
}

function line(what: string, figure: string, bound: string, isKept: boolean): Line {
  return { what, figure, bound, isKept };
}

function third(values: readonly number[], index: number): readonly number[] {
  const size = Math.floor(values.length / 3);
  return values.slice(index * size, (index + 1) * size);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, one) => sum + one, 0) / values.length;
}
