import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectRedis } from '../../src/adapters/redis/connect.ts';
import { redisKeys } from '../../src/adapters/redis/keys.ts';
import { redisSignals } from '../../src/adapters/redis/signals.ts';
import { redisStore } from '../../src/adapters/redis/store.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { Spec } from '../../src/domain/spec.ts';
import { startMigration } from '../../src/engine/start.ts';
import { tick } from '../../src/engine/tick.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { startRedis } from '../fixtures/redis-server.ts';
import { type ManyWorlds, manyWorlds } from './many-worlds.ts';
import { type Reporter, startReporter } from './reporter.ts';

export interface LoadSettings {
  readonly migrations: number;
  /** How much faster than the wall the clock of store and engine runs. */
  readonly speed: number;
  /** Virtual time from the moment when all are started. */
  readonly forMs: number;
  readonly watchEveryMs: number;
}

export interface LoadFigures {
  /** Of the measured time, by the wall. */
  readonly tookMs: number;
  /** How long it took until all of them, started fifty at a time, had their first step verified; virtual time. */
  readonly underWayAfterMs: number;
  /** Commits by the engine, as revisions of the records tell. */
  readonly commits: number;
  readonly samples: number;
  readonly states: Readonly<Record<string, number>>;
  /** By how much the most overdue work was late, virtual time; the 99th per cent of the looks at it, and the most. */
  readonly lateMs: { readonly p99: number; readonly most: number };
  readonly failed: readonly string[];
  /** Bytes of the JavaScript heap after a collection, in the order of time. */
  readonly heap: readonly number[];
  readonly rss: readonly number[];
  /** Bytes of data in Redis that a migration has at the end, on average, and the largest parts of one. */
  readonly redis: {
    readonly perMigration: number;
    readonly record: number;
    readonly history: number;
    readonly signals: number;
  };
}

const measureEveryMs = 500;
const heapSamplesMax = 20;
const startRoundsMax = 200;
const startedAtOnce = 50;

/**
 * @param onProgress one line now and then
 * @throws the signal's reason soon after it is aborted, with nothing left running
 */
export async function runLoad(
  settings: LoadSettings,
  onProgress: (line: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<LoadFigures> {
  const server = await startRedis();
  const clockScale = { speed: settings.speed, anchorMs: Date.now() };
  const redis = connectRedis(server.url);
  const store = redisStore(redis, { clockScale });
  const stop = new AbortController();
  const over = AbortSignal.any([stop.signal, signal]);
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    signal.throwIfAborted();
    const clock = systemClock(clockScale);
    const signals = redisSignals(redis, { clockScale });
    const worlds = manyWorlds(settings.migrations, { clock, store, signals, watchEveryMs: settings.watchEveryMs });
    // Who is interrupted does not wait for a tick of many seconds: what it still asks of the store fails in it.
    const startReporting = () =>
      startReporter({ url: server.url, names: worlds.specs.map(({ name }) => name), clockScale });
    return await Promise.race([load({ settings, worlds, redis, startReporting, over, stop, onProgress }), interrupted]);
  } finally {
    stop.abort();
    await store.close();
    await server.stop();
  }
}

interface Loading {
  readonly settings: LoadSettings;
  readonly worlds: ManyWorlds;
  readonly redis: Redis;
  readonly startReporting: () => Reporter;
  /** Aborted when the reporter and the measuring are to end. */
  readonly over: AbortSignal;
  readonly stop: AbortController;
  readonly onProgress: (line: string) => void;
}

async function load({
  settings,
  worlds,
  redis,
  startReporting,
  over,
  stop,
  onProgress,
}: Loading): Promise<LoadFigures> {
  const { ports, specs } = worlds;
  const { clock } = ports;
  const empty = await dataBytes(redis);
  const failed = new Map<string, string>();
  const begunAtMs = clock.now();
  for (let from = 0; from < specs.length; from += startedAtOnce) {
    await startSome(ports, specs.slice(from, from + startedAtOnce), failed);
  }
  const underWayAfterMs = clock.now() - begunAtMs;
  onProgress(`${settings.migrations} migrations are under way`);
  const startedAtMs = performance.now();
  const untilMs = clock.now() + settings.forMs;
  const beside = Promise.all([
    reportUntil(over, startReporting()),
    measure(ports, worlds.forget, settings, over, onProgress),
  ]);
  // As the timer does it: one tick after the other, each of a minute.
  const ticking = async (): Promise<void> => {
    while (clock.now() < untilMs && !over.aborted)
      await tickFor(ports, Math.min(60_000, untilMs - clock.now()), failed);
  };
  // Whichever of them fails ends the others.
  await Promise.all([ticking().finally(() => stop.abort()), beside]);
  const tookMs = performance.now() - startedAtMs;
  const [samples, measured] = await beside;
  const sizes = await sizesOf(redis, specs, empty);
  const records = await recordsOf(ports, specs);
  return {
    tookMs,
    underWayAfterMs,
    samples,
    ...measured,
    ...records,
    failed: [...failed].map((one) => one.join(': ')),
    redis: sizes,
  };
}

async function tickFor(ports: Ports, ms: number, failed: Map<string, string>): Promise<void> {
  const ticked = await tick(ports, ports.clock.now() + ms);
  for (const [name, text] of Object.entries(ticked.failed)) failed.set(name, text);
}

/** People start migrations a few at a time: what is measured is what comes after. */
async function startSome(ports: Ports, specs: readonly Spec[], failed: Map<string, string>): Promise<void> {
  for (const spec of specs) await startMigration(ports, spec, { run: 'run-1', actor: 'load' });
  for (let round = 0; round < startRoundsMax; round += 1) {
    const { states } = await recordsOf(ports, specs);
    if ((states['progressing.baking'] ?? 0) === specs.length) return;
    await tickFor(ports, 5_000, failed);
  }
  throw new Error(`not under way: ${JSON.stringify((await recordsOf(ports, specs)).states)}`);
}

async function reportUntil(over: AbortSignal, reporter: Reporter): Promise<number> {
  if (!over.aborted) await once(over, 'abort');
  return reporter.stop();
}

type Measured = Pick<LoadFigures, 'lateMs' | 'heap' | 'rss'>;

async function measure(
  { store }: Ports,
  forget: () => void,
  { forMs, speed }: LoadSettings,
  stop: AbortSignal,
  onProgress: (line: string) => void,
): Promise<Measured> {
  const late: number[] = [];
  const heap: number[] = [];
  const rss: number[] = [];
  const heapEveryMs = forMs / speed / heapSamplesMax;
  let nextHeapMs = performance.now() + heapEveryMs;
  while (!stop.aborted) {
    await wait(measureEveryMs);
    const [[first], nowMs] = await Promise.all([store.due(0, 1), store.now()]);
    late.push(Math.max(0, nowMs - (first?.dueAtMs ?? nowMs)));
    if (performance.now() < nextHeapMs) continue;
    nextHeapMs += heapEveryMs;
    forget();
    globalThis.gc?.();
    heap.push(process.memoryUsage().heapUsed);
    rss.push(process.memoryUsage.rss());
    onProgress(`late by ${Math.max(...late.slice(-20))} ms, heap ${megabytes(heap.at(-1) ?? 0)} MB`);
  }
  const sorted = late.toSorted((a, b) => a - b);
  return { lateMs: { p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0, most: sorted.at(-1) ?? 0 }, heap, rss };
}

async function sizesOf(redis: Redis, specs: readonly Spec[], empty: number): Promise<LoadFigures['redis']> {
  const keys = redisKeys({});
  const bytes = async (key: string): Promise<number> => Number((await redis.memory('USAGE', key, 'SAMPLES', 100)) ?? 0);
  const most = { record: 0, history: 0, signals: 0 };
  for (const { name } of specs) {
    for (const kind of ['record', 'history', 'signals'] as const) {
      most[kind] = Math.max(most[kind], await bytes(keys[kind](name)));
    }
  }
  return { perMigration: ((await dataBytes(redis)) - empty) / specs.length, ...most };
}

async function dataBytes(redis: Redis): Promise<number> {
  return Number(/used_memory_dataset:(\d+)/.exec(await redis.info('memory'))?.[1] ?? 0);
}

async function recordsOf({ store }: Ports, specs: readonly Spec[]): Promise<Pick<LoadFigures, 'states' | 'commits'>> {
  const states: Record<string, number> = {};
  let commits = 0;
  for (const { name } of specs) {
    const record = await store.load(name);
    const state = record?.state ?? 'none';
    states[state] = (states[state] ?? 0) + 1;
    commits += record?.revision ?? 0;
  }
  return { states, commits };
}

export function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
