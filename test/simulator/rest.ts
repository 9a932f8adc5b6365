import type { MigrationRecord } from '../../src/domain/record.ts';
import { contextOf, isDark } from './facts.ts';

const settledForMs = 60_000;
/** States that wait for a person; everything else goes on by itself. */
const waiting: ReadonlySet<string> = new Set(['held', 'paused']);

/** Nothing goes on by itself any more: final, or waiting for a person who was told. */
export function isAtRest(records: ReadonlyMap<string, MigrationRecord>, nowMs: number, calmAtMs: number): boolean {
  if (nowMs < calmAtMs + settledForMs) return false;
  return [...records.values()].every((record) => {
    if (record.isFinal) return record.outbox.length === 0;
    const isTold = record.outbox.every(({ effect }) => effect.type !== 'deliver');
    return (
      (waiting.has(record.state) || isDarkBefore(record)) && isTold && nowMs >= lastChangeMs(record) + settledForMs
    );
  });
}

/** Stuck before a baseline that would leave nothing with weight: only a person can say what is to be. */
function isDarkBefore({ state, snapshot }: MigrationRecord): boolean {
  return state === 'stuck' && isDark(contextOf({ snapshot }).baseline);
}

/** When the newest command that drives it was first asked for is not when its state changed: looks are asked for anew. */
function lastChangeMs(record: MigrationRecord): number {
  const { context } = record.snapshot as { readonly context: { readonly verifiedAtMs: number | null } };
  return Math.max(record.createdAtMs, context.verifiedAtMs ?? 0);
}
