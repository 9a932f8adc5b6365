import type { ProbeSpec, Side } from './spec.ts';

/** One answer to one probe. */
export interface ProbeAnswer {
  readonly probe: string;
  readonly side: Side;
  readonly isOk: boolean;
  readonly detail: string;
}

/** What is known of one probe at one side. */
export interface ProbeHealth {
  readonly probe: string;
  readonly side: Side;
  readonly failuresInRow: number;
  readonly askedAtMs: number;
  readonly detail: string;
}

/** Probes that are due, by their own interval. */
export function dueProbes(
  probes: readonly ProbeSpec[],
  health: readonly ProbeHealth[],
  nowMs: number,
): readonly { readonly probe: ProbeSpec; readonly side: Side }[] {
  return probes.flatMap((probe) =>
    sidesOf(probe)
      .filter((side) => {
        const known = find(health, probe.name, side);
        return known === undefined || nowMs - known.askedAtMs >= probe.everyMs;
      })
      .map((side) => ({ probe, side })),
  );
}

/** Counts failures in a row; one good answer forgets them all. */
export function withAnswers(
  health: readonly ProbeHealth[],
  answers: readonly ProbeAnswer[],
  nowMs: number,
): readonly ProbeHealth[] {
  const answered = answers.map(({ probe, side, isOk, detail }) => ({
    probe,
    side,
    failuresInRow: isOk ? 0 : (find(health, probe, side)?.failuresInRow ?? 0) + 1,
    askedAtMs: nowMs,
    detail,
  }));
  return [...health.filter(({ probe, side }) => find(answered, probe, side) === undefined), ...answered];
}

/** The first probe of a side that failed as often in a row as its limit allows, null where none did. */
export function failingProbe(
  probes: readonly ProbeSpec[],
  health: readonly ProbeHealth[],
  side: Side,
): ProbeHealth | null {
  const failing = health.find(
    (one) => one.side === side && one.failuresInRow >= (probes.find(({ name }) => name === one.probe)?.failures ?? 1),
  );
  return failing ?? null;
}

/** Every probe was asked and its last answer was good. */
export function areGreen(probes: readonly ProbeSpec[], health: readonly ProbeHealth[]): boolean {
  return probes.every((probe) => sidesOf(probe).every((side) => find(health, probe.name, side)?.failuresInRow === 0));
}

function sidesOf(probe: ProbeSpec): readonly Side[] {
  return probe.side === 'both' ? ['source', 'target'] : [probe.side];
}

function find(health: readonly ProbeHealth[], probe: string, side: Side): ProbeHealth | undefined {
  return health.find((one) => one.probe === probe && one.side === side);
}
