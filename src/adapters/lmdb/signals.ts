import type { Sample } from '../../domain/verdict.ts';
import { InvalidInputError } from '../../ports/errors.ts';
import type { Signals } from '../../ports/signals.ts';
import { realTime, scaledMs } from '../memory/clock-scale.ts';
import { checkName } from '../memory/stored-record.ts';
import { checkSamples, inOrder, samplesKeptMax, samplesReadMax, samplesWindowMs } from '../memory/stored-sample.ts';
import { type Environment, lmdbFolder } from './environment.ts';
import type { LmdbOptions } from './store.ts';

/** Signals in the store's folder. Closing is the user's: the folder is shared with the store. */
export interface LmdbSignals extends Signals {
  close(): Promise<void>;
}

/** Samples may come before there is a migration, so nothing else limits the names. */
const namesMax = 1_000;

/** Past every interval. */
const endMs = Number.MAX_SAFE_INTEGER;

/** Signals in the folder; the same options as the store's. */
export function lmdbSignals(folder: string, options: LmdbOptions = {}): LmdbSignals {
  const store = lmdbFolder(folder);
  const nowMs = () => scaledMs(Date.now(), options.clockScale ?? realTime);
  return {
    record: async (name, samples) => {
      checkName(name);
      checkSamples(samples);
      if (samples.length === 0) return;
      await store.use(`signals of "${name}"`, (environment) =>
        environment.root.transactionSync(() => {
          if (environment.signals.getKeysCount({ ...between(name, 0, endMs), limit: 1 }) === 0) {
            makeRoom(environment, nowMs());
          }
          for (const sample of samples) put(environment, name, sample);
          prune(environment, name, nowMs());
        }),
      );
    },
    read: async (name, sinceMs) => {
      checkName(name);
      return store.use(`signals of "${name}"`, (environment) =>
        newest(environment, name, Math.max(sinceMs, nowMs() - samplesWindowMs)),
      );
    },
    close: () => store.close(),
  };
}

/** Of a repeat with other numbers the one with more requests stays (domain, withoutRepeats). */
function put({ signals }: Environment, name: string, sample: Sample): void {
  const {
    side,
    instance,
    fromMs,
    ms,
    requests,
    errors,
    loadBalancer,
    connections = null,
    direct = null,
    slow = null,
  } = sample;
  const label = loadBalancer === undefined ? [] : [loadBalancer];
  const key: [string, number, string, string, ...string[]] = [name, fromMs, side, instance, ...label];
  const known = signals.get(key);
  if (known === undefined || requests > known[1])
    signals.putSync(key, [ms, requests, errors, connections, direct, slow]);
}

/** @throws InvalidInputError where as many names as may be have fresh samples; names whose samples are all old go. */
function makeRoom({ signals }: Environment, nowMs: number): void {
  let names = 0;
  let [key] = signals.getKeys({ limit: 1 });
  while (key !== undefined) {
    const name: string = key[0];
    const whole = between(name, 0, endMs);
    const [newest] = signals.getKeys({ start: whole.end, end: whole.start, reverse: true, limit: 1 });
    if (newest === undefined || newest[1] < nowMs - samplesWindowMs) {
      for (const old of [...signals.getKeys(whole)]) signals.removeSync(old);
    } else names += 1;
    if (names >= namesMax) {
      throw new InvalidInputError([{ path: 'name', message: `there are samples of ${namesMax} other names already` }]);
    }
    [key] = signals.getKeys({ start: whole.end, limit: 1 });
  }
}

function prune({ signals }: Environment, name: string, nowMs: number): void {
  const oldestMs = nowMs - samplesWindowMs;
  const latestMs = nowMs + samplesWindowMs;
  for (const key of [...signals.getKeys(between(name, 0, oldestMs))]) signals.removeSync(key);
  for (const key of [...signals.getKeys(between(name, latestMs + 1, endMs))]) signals.removeSync(key);
  const tooMany = signals.getKeysCount(between(name, 0, endMs)) - samplesKeptMax;
  if (tooMany <= 0) return;
  for (const key of [...signals.getKeys({ ...between(name, 0, endMs), limit: tooMany })]) signals.removeSync(key);
}

/** Keys of intervals from one time on until before another. A new object each time: LMDB's calls write into it. */
function between(name: string, fromMs: number, untilMs: number): { start: [string, number]; end: [string, number] } {
  return { start: [name, fromMs], end: [name, untilMs] };
}

function newest({ signals }: Environment, name: string, sinceMs: number): readonly Sample[] {
  const range = {
    start: [name, endMs],
    end: [name, Math.max(0, sinceMs) - 0.5],
    reverse: true,
    limit: samplesReadMax,
  };
  const samples = signals.getRange(range).map(({ key, value }): Sample => {
    const [, fromMs, side, instance, loadBalancer] = key;
    const [ms, requests, errors, connections = null, direct = null, slow = null] = value;
    return {
      ...{ side: side === 'source' ? 'source' : 'target', instance, fromMs, ms, requests, errors },
      ...(loadBalancer === undefined ? {} : { loadBalancer }),
      ...(connections === null ? {} : { connections }),
      ...(direct === null ? {} : { direct }),
      ...(slow === null ? {} : { slow }),
    };
  });
  return inOrder([...samples]);
}
