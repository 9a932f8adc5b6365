import type { MigrationContext } from '../../state-machines/context.ts';
import {
  type PairedAnswer,
  pairedProbes,
  pairedSamples,
  pairsDue,
  pairsLastMs,
} from '../domain/judge/paired-probes.ts';
import { isKnown, type ServiceReading } from '../domain/observation.ts';
import { paired, pairedName, sourcesOf } from '../domain/sources.ts';
import { type Side, sides } from '../domain/spec.ts';
import type { Ports } from '../ports/ports.ts';
import { judgedStepOf } from './judged-step.ts';

/**
 * Asks the pairs that are due and keeps their answers as samples: what the next look judges. Nothing is asked where the
 * spec does not want it, while no step is under way, or where a side cannot be read whole.
 * @throws TransientError where the answers cannot be kept
 */
export async function pairProbes(
  { signals, probe: port }: Pick<Ports, 'signals' | 'probe'>,
  context: MigrationContext,
  servicesOf: (side: Side) => readonly ServiceReading[],
  atMs: number,
): Promise<void> {
  const { spec, watchEveryMs } = context;
  if (!sourcesOf(spec.analysis).includes(paired) || judgedStepOf(context) === null) return;
  // Nobody is to blame for a side that cannot be read: what nobody was asked is no error of anybody.
  if (sides.some((side) => servicesOf(side).length === 0 || !servicesOf(side).every(isKnown))) return;
  const name = pairedName(spec.name);
  const probes = pairedProbes(spec.probes);
  const due = pairsDue(await signals.read(name, atMs - 2 * pairsLastMs), probes.length, { atMs, watchEveryMs });
  if (due === null) return;
  const asked = Array.from({ length: due.pairs }, (_, turn) => probes.map((probe) => ({ probe, turn }))).flat();
  const answers = await Promise.all(
    asked.flatMap(({ probe, turn }) =>
      sides.map(async (side): Promise<PairedAnswer> => {
        // From look to look the turn goes on, so that over a while every pod is asked.
        const at = Math.floor(due.fromMs / 1_000) + turn;
        const { isOk, ms } = await port.ask(probe, servicesOf(side), at);
        return { side, isOk, ...(ms === undefined ? {} : { ms }) };
      }),
    ),
  );
  await signals.record(name, pairedSamples(answers, { fromMs: due.fromMs, atMs, latency: spec.analysis.latency }));
}
