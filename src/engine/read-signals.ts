import { paired, pairedName, pushed, sourcesOf } from '../domain/sources.ts';
import type { Spec } from '../domain/spec.ts';
import type { Sample } from '../domain/verdict.ts';
import { messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';

/** What one source says. Sources count the same requests, so their samples are judged each alone and never added up. */
export interface SourceReading {
  readonly source: string;
  readonly samples: readonly Sample[];
  /** Why it could not be read; null where it was. */
  readonly trouble: string | null;
}

type Asking = Pick<Ports, 'signals'>;

/** All sources of a migration's signals, at the same time; one that cannot be read takes nothing from the others. */
export function readSources({ signals }: Asking, spec: Spec, sinceMs: number): Promise<readonly SourceReading[]> {
  return Promise.all(
    sourcesOf(spec.analysis).map(async (source) => {
      try {
        return { source, samples: await readOne(signals, spec, source, sinceMs), trouble: null };
      } catch (error) {
        return { source, samples: [], trouble: messageOf(error) };
      }
    }),
  );
}

function readOne(signals: Asking['signals'], spec: Spec, source: string, sinceMs: number): Promise<readonly Sample[]> {
  if (source === paired) return signals.read(pairedName(spec.name), sinceMs);
  return source === pushed ? signals.read(spec.name, sinceMs) : signals.read(spec.name, sinceMs, { source, spec });
}

/** The requests as the first source counts them that has counted any: for shares and rates, where one count is enough. */
export function countedBy(readings: readonly SourceReading[]): readonly Sample[] {
  // Probes go past the load balancer, half of them to each side: they say nothing of a share.
  return readings.find(({ source, samples }) => source !== paired && samples.length > 0)?.samples ?? [];
}
