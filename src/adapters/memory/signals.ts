import { type Sample, withoutRepeats } from '../../domain/verdict.ts';
import type { Signals } from '../../ports/signals.ts';
import { checkName } from './stored-record.ts';
import { checkSamples, inOrder, samplesKeptMax, samplesWindowMs } from './stored-sample.ts';

/**
 * The simulator's twin of the signals. Where it is given a clock, samples further than a day from it are dropped, as in
 * the real ones.
 */
export function memorySignals(options: { readonly now?: () => number } = {}): Signals {
  const byName = new Map<string, readonly Sample[]>();
  const kept = (samples: readonly Sample[]): readonly Sample[] => {
    if (options.now === undefined) return samples;
    const nowMs = options.now();
    return samples.filter(({ fromMs }) => Math.abs(fromMs - nowMs) <= samplesWindowMs);
  };
  return {
    record: async (name, samples) => {
      checkName(name);
      checkSamples(samples);
      const all = withoutRepeats(kept([...(byName.get(name) ?? []), ...structuredClone(samples)]));
      byName.set(name, all.toSorted((one, other) => one.fromMs - other.fromMs).slice(-samplesKeptMax));
    },
    read: async (name, sinceMs) => {
      checkName(name);
      const samples = kept(byName.get(name) ?? []).filter(({ fromMs }) => fromMs >= sinceMs);
      return structuredClone(inOrder(samples));
    },
  };
}
