import * as v from 'valibot';
import type { Side } from './addresses.ts';
import type { SandboxClock } from './clock.ts';

export interface ReporterOptions {
  /** URL of the functions' HTTP trigger. */
  readonly url: string;
  /** A token with the role reporter. */
  readonly token: string;
  readonly clock: SandboxClock;
  /** The gateways' counters since their start, and their names. */
  readonly gateways: Readonly<Record<Side, { readonly instance: string; counters(): Counted }>>;
  /** Told when reporting begins to fail and when it works again. */
  readonly log: (line: string) => void;
}

export interface Counted {
  readonly requests: number;
  readonly errors: number;
}

/** One interval of one side as the API takes it; `from` is in epoch seconds of sandbox time. */
interface Sample extends Counted {
  readonly side: Side;
  readonly instance: string;
  readonly from: number;
  readonly seconds: number;
}

const everyS = 5;
const samplesKeptMax = 60;
const answerWithinMs = 10_000;

const listSchema = v.object({ migrations: v.array(v.object({ name: v.string(), isFinal: v.boolean() })) });

/**
 * The agent beside the gateways: pushes what they counted, every five seconds of sandbox time, to each migration that is
 * not over. What could not be delivered goes along with the next push.
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
  let before = read(options);
  let fromS = Math.floor(clock.now() / 1000);
  let backlog: Backlog = new Map();
  let trouble: string | null = null;
  while (!signal.aborted) {
    await clock.sleep((fromS + everyS) * 1000 - clock.now(), signal);
    if (signal.aborted) return;
    const toS = fromS + everyS * Math.max(1, Math.floor((clock.now() / 1000 - fromS) / everyS));
    const now = read(options);
    const samples = samplesOf(options, before, now, fromS, toS);
    [before, fromS] = [now, toS];
    const { left, why } = await push(options, samples, backlog, signal);
    backlog = left;
    if (why !== trouble && !signal.aborted) options.log(why ?? 'signals are delivered again');
    trouble = why;
  }
}

/** Samples that wait for each migration that was active when it was last asked; empty where all were delivered. */
type Backlog = ReadonlyMap<string, readonly Sample[]>;

/** Sends to every active migration; answers what has to be sent again, and why. */
async function push(
  options: ReporterOptions,
  samples: readonly Sample[],
  backlog: Backlog,
  signal: AbortSignal,
): Promise<{ readonly left: Backlog; readonly why: string | null }> {
  const dueOf = (name: string): readonly Sample[] => [...(backlog.get(name) ?? []), ...samples].slice(-samplesKeptMax);
  const left = new Map([...backlog.keys()].map((name) => [name, dueOf(name)]));
  let why: string | null = null;
  try {
    const names = await activeMigrations(options, signal);
    for (const name of left.keys()) if (!names.includes(name)) left.delete(name);
    for (const name of names) {
      const due = dueOf(name);
      left.set(name, due);
      const path = `/v1/migrations/${encodeURIComponent(name)}/signals`;
      const answer = await ask(options, path, signal, JSON.stringify({ samples: due }));
      // Samples that the API finds wrong would be wrong for ever; only what it could not take is kept.
      if (answer.status !== 429 && answer.status < 500) left.set(name, []);
      if (answer.status >= 300) why = `signals of ${name}: HTTP ${answer.status} ${answer.text.slice(0, 200)}`;
    }
  } catch (error) {
    why = `signals: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { left, why };
}

async function activeMigrations(options: ReporterOptions, signal: AbortSignal): Promise<readonly string[]> {
  const answer = await ask(options, '/v1/migrations', signal);
  if (answer.status !== 200) throw new Error(`the list of migrations: HTTP ${answer.status}`);
  const { migrations } = v.parse(listSchema, JSON.parse(answer.text));
  return migrations.filter(({ isFinal }) => !isFinal).map(({ name }) => name);
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

function read({ gateways }: ReporterOptions): Readonly<Record<Side, Counted>> {
  return { source: gateways.source.counters(), target: gateways.target.counters() };
}

function samplesOf(
  { gateways }: ReporterOptions,
  before: Readonly<Record<Side, Counted>>,
  now: Readonly<Record<Side, Counted>>,
  from: number,
  toS: number,
): readonly Sample[] {
  return (['source', 'target'] as const).map((side) => ({
    side,
    instance: gateways[side].instance,
    from,
    seconds: toS - from,
    // A gateway that was started again counts from zero.
    requests: Math.max(0, now[side].requests - before[side].requests),
    errors: Math.max(0, now[side].errors - before[side].errors),
  }));
}
