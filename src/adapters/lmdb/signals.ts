import type { Sample } from '../../domain/verdict.ts';
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
  const { side, instance, fromMs, ms, requests, errors } = sample;
  const key: [string, number, string, string] = [name, fromMs, side, instance];
  const known = signals.get(key);
  if (known === undefined || requests > known[1]) signals.putSync(key, [ms, requests, errors]);
}

function prune({ signals }: Environment, name: string, nowMs: number): void {
  const remove = (range: { start: [string, number]; end: [string, number]; limit?: number }) => {
    for (const key of [...signals.getKeys(range)]) signals.removeSync(key);
  };
  remove({ start: [name, 0], end: [name, nowMs - samplesWindowMs] });
  remove({ start: [name, nowMs + samplesWindowMs + 1], end: [name, Number.MAX_SAFE_INTEGER] });
  const all: { start: [string, number]; end: [string, number] } = {
    start: [name, 0],
    end: [name, Number.MAX_SAFE_INTEGER],
  };
  const tooMany = signals.getKeysCount(all) - samplesKeptMax;
  if (tooMany > 0) remove({ ...all, limit: tooMany });
}

function newest({ signals }: Environment, name: string, sinceMs: number): readonly Sample[] {
  const range = {
    start: [name, Number.MAX_SAFE_INTEGER],
    end: [name, Math.max(0, sinceMs) - 0.5],
    reverse: true,
    limit: samplesReadMax,
  };
  const samples = signals.getRange(range).map(({ key, value }): Sample => {
    const [, fromMs, side, instance] = key;
    const [ms, requests, errors] = value;
    return { side: side === 'source' ? 'source' : 'target', instance, fromMs, ms, requests, errors };
  });
  return inOrder([...samples]);
}
