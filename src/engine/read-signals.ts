import { pushed, sourcesOf } from '../domain/sources.ts';
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
      const from = source === pushed ? undefined : { source, spec };
      try {
        return { source, samples: await signals.read(spec.name, sinceMs, from), trouble: null };
      } catch (error) {
        return { source, samples: [], trouble: messageOf(error) };
      }
    }),
  );
}

/** The requests as the first source counts them that has counted any: for shares and rates, where one count is enough. */
export function countedBy(readings: readonly SourceReading[]): readonly Sample[] {
  return readings.find(({ samples }) => samples.length > 0)?.samples ?? [];
}
