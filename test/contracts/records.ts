import type { MigrationRecord } from '../../src/domain/record.ts';
import type { HistoryEntry } from '../../src/ports/migration-store.ts';

/** A record as the engine makes them; `dueAtMs` gives it one timer. */
export function recordOf(
  name: string,
  revision: number,
  { dueAtMs, ...fields }: Partial<MigrationRecord> & { readonly dueAtMs?: number } = {},
): MigrationRecord {
  return {
    schema: 1,
    machineVersion: 1,
    name,
    run: 'run-1',
    revision,
    state: 'baking',
    isFinal: false,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000 + revision,
    claims: ['group/rsp-1'],
    snapshot: { value: 'baking', context: { step: 1 } },
    timers: dueAtMs === undefined ? [] : [{ id: 'bake', dueAtMs, eventType: 'bake.passed' }],
    outbox: [],
    ...fields,
  };
}

export function entryOf(revision: number, text = `step ${revision}`): HistoryEntry {
  return { run: 'run-1', revision, atMs: 1_700_000_000_000 + revision, kind: 'step.verified', text, actor: null };
}
