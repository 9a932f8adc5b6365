import * as v from 'valibot';
import type { Side } from './addresses.ts';
import type { SandboxClock } from './clock.ts';
import {
  gatewaySamples,
  type Interval,
  type MovedSubsets,
  type Sample,
  type Snapshot,
  subsetSamples,
} from './samples.ts';

export interface ReporterOptions {
  /** URL of the functions' HTTP trigger. */
  readonly url: string;
  /** A token with the role reporter. */
  readonly token: string;
  readonly clock: SandboxClock;
  /** Names of the gateways. */
  readonly instances: Readonly<Record<Side, string>>;
  /** What everything has counted since its start. */
  readonly read: () => Snapshot;
  /** Told when reporting begins to fail and when it works again. */
  readonly log: (line: string) => void;
}

const everyS = 5;
/** Of each migration: so much is sent again once the API works again. */
const intervalsKeptMax = 30;
const answerWithinMs = 10_000;

const listSchema = v.object({
  migrations: v.array(v.object({ name: v.string(), run: v.string(), isFinal: v.boolean() })),
});

const viewSchema = v.object({
  spec: v.object({
    /** Absent in older records. */
    subsets: v.optional(
      v.array(
        v.object({
          virtualService: v.object({ namespace: v.string() }),
          host: v.string(),
          from: v.array(v.string()),
          to: v.string(),
        }),
      ),
      [],
    ),
  }),
});

/** A migration that is not over, by its name; the spec of one run never changes. */
interface Active {
  readonly run: string;
  readonly subsets: readonly MovedSubsets[];
}

type Actives = ReadonlyMap<string, Active>;

/**
 * The agent beside the gateways: pushes what they counted, every five seconds of sandbox time, to each migration that is
 * not over; to one that moves subsets, what their sidecars counted. What could not be delivered goes along with the next
 * push.
 */
export function startReporter(options: ReporterOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const done = report(options, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

async function report(options: ReporterOptions, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  let before = options.read();
  let fromS = Math.floor(clock.now() / 1000);
  let state: State = { backlog: new Map(), actives: new Map(), trouble: null };
  while (!signal.aborted) {
    await clock.sleep((fromS + everyS) * 1000 - clock.now(), signal);
    if (signal.aborted) return;
    const toS = fromS + everyS * Math.max(1, Math.floor((clock.now() / 1000 - fromS) / everyS));
    const now = options.read();
    const after = await push(options, { fromS, toS, before, now }, state, signal);
    [before, fromS] = [now, toS];
    if (after.trouble !== state.trouble && !signal.aborted) options.log(after.trouble ?? 'signals are delivered again');
    state = after;
  }
}

interface State {
  /** What waits for each migration that was active when it was last asked; empty where all was delivered. */
  readonly backlog: ReadonlyMap<string, readonly Interval[]>;
  readonly actives: Actives;
  /** Why something could not be delivered. */
  readonly trouble: string | null;
}

/** Sends to every active migration; answers what has to be sent again, and why. */
async function push(
  options: ReporterOptions,
  interval: Interval,
  { backlog, actives: known }: State,
  signal: AbortSignal,
): Promise<State> {
  const dueOf = (name: string): readonly Interval[] =>
    [...(backlog.get(name) ?? []), interval].slice(-intervalsKeptMax);
  const left = new Map([...backlog.keys()].map((name) => [name, dueOf(name)]));
  const actives = new Map(known);
  let trouble: string | null = null;
  try {
    const runs = await activeRuns(options, signal);
    for (const name of left.keys()) if (!runs.has(name)) left.delete(name);
    for (const name of actives.keys()) if (!runs.has(name)) actives.delete(name);
    for (const [name, run] of runs) {
      const due = dueOf(name);
      left.set(name, due);
      const before = actives.get(name);
      const active = before?.run === run ? before : await activeOf(options, name, run, signal);
      if (typeof active === 'string') {
        // The others get theirs: a record that cannot be read must not stop their migrations.
        trouble = active;
        continue;
      }
      actives.set(name, active);
      const answer = await send(options, name, samplesOf(options, due, active.subsets), signal);
      // Samples that the API finds wrong would be wrong for ever; only what it could not take is kept.
      if (answer.status !== 429 && answer.status < 500) left.set(name, []);
      if (answer.status >= 300) trouble = `signals of ${name}: HTTP ${answer.status} ${answer.text.slice(0, 200)}`;
    }
  } catch (error) {
    trouble = `signals: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { backlog: left, actives, trouble };
}

function samplesOf(
  { instances }: ReporterOptions,
  intervals: readonly Interval[],
  subsets: readonly MovedSubsets[],
): readonly Sample[] {
  return intervals.flatMap((one) =>
    subsets.length > 0 ? subsetSamples(one, subsets) : gatewaySamples(one, instances),
  );
}

/** Name -> run of each migration that is not over. */
async function activeRuns(options: ReporterOptions, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const answer = await ask(options, '/v1/migrations', signal);
  if (answer.status !== 200) throw new Error(`the list of migrations: HTTP ${answer.status}`);
  const { migrations } = v.parse(listSchema, JSON.parse(answer.text));
  return new Map(migrations.filter(({ isFinal }) => !isFinal).map(({ name, run }) => [name, run]));
}

/** What a migration moves, or why that cannot be told. */
async function activeOf(
  options: ReporterOptions,
  name: string,
  run: string,
  signal: AbortSignal,
): Promise<Active | string> {
  const answer = await ask(options, pathOf(name), signal);
  if (answer.status !== 200) return `the migration ${name}: HTTP ${answer.status}`;
  const read = v.safeParse(viewSchema, JSON.parse(answer.text));
  return read.success ? { run, subsets: read.output.spec.subsets } : `the migration ${name} has a spec of another form`;
}

function send(options: ReporterOptions, name: string, samples: readonly Sample[], signal: AbortSignal) {
  return ask(options, `${pathOf(name)}/signals`, signal, JSON.stringify({ samples }));
}

function pathOf(name: string): string {
  return `/v1/migrations/${encodeURIComponent(name)}`;
}

async function ask(
  { url, token }: ReporterOptions,
  path: string,
  stopping: AbortSignal,
  body?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const request = new AbortController();
  const end = (): void => request.abort(new Error(`no answer within ${answerWithinMs} ms`));
  const timer = setTimeout(end, answerWithinMs);
  stopping.addEventListener('abort', end);
  try {
    const answer = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: request.signal,
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    return { status: answer.status, text: await answer.text() };
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener('abort', end);
  }
}
