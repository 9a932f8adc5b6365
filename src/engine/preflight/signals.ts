import { pushed, sourcesOf } from '../../domain/sources.ts';
import type { Spec } from '../../domain/spec.ts';
import type { Ports } from '../../ports/ports.ts';
import { readSources } from '../read-signals.ts';
import { bad, type Check, kindOf, pass } from './check.ts';

const signals = kindOf({
  id: 'signals',
  rows: [],
  asks: 'each source of signals that is asked can be read',
  why: 'a source that cannot be asked now will not judge a step either (what is pushed may begin with the migration)',
  says: ['fail'],
});

export const signalKinds = [signals];

/** Whoever is asked has had this long to count. */
const askedOverMs = 120_000;

export async function signalChecks(ports: Pick<Ports, 'signals' | 'store'>, spec: Spec): Promise<readonly Check[]> {
  const pulled = sourcesOf(spec.analysis).filter((source) => source !== pushed);
  if (pulled.length === 0) return [];
  const analysis = { ...spec.analysis, signals: pulled };
  const readings = await readSources(ports, { ...spec, analysis }, (await ports.store.now()) - askedOverMs);
  return readings.map(({ source, trouble }) =>
    trouble === null
      ? pass(signals, `signals of ${source} can be read`)
      : bad(signals, 'fail', trouble, {
          at: { object: 'the migration', field: 'spec.analysis.signals', value: source },
        }),
  );
}
