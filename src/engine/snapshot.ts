import type { MigrationContext } from '../../state-machines/context.ts';
import { machineVersion, migrationMachine } from '../../state-machines/migration.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { UnreadableRecordError } from '../ports/errors.ts';

/** What of the machine's snapshot is stored: the rest is computed from it. */
interface StoredSnapshot {
  readonly value: unknown;
  readonly context: MigrationContext;
}

export type MachineSnapshot = ReturnType<typeof migrationMachine.resolveState>;

/** @throws UnreadableRecordError where the snapshot is of a machine that this version does not know */
export function restoreSnapshot(record: MigrationRecord): MachineSnapshot {
  if (record.machineVersion !== machineVersion) {
    throw new UnreadableRecordError(
      `record ${record.name} was written by machine version ${record.machineVersion}, this is ${machineVersion}`,
    );
  }
  const stored = record.snapshot as StoredSnapshot;
  try {
    return migrationMachine.resolveState({ value: stored.value as never, context: stored.context });
  } catch (cause) {
    throw new UnreadableRecordError(`the snapshot of record ${record.name} cannot be restored`, { cause });
  }
}

export function storeSnapshot(snapshot: MachineSnapshot): StoredSnapshot {
  return { value: snapshot.value, context: snapshot.context };
}

export function contextOf(record: MigrationRecord): MigrationContext {
  return (record.snapshot as StoredSnapshot).context;
}

/** `progressing.baking`: the path of the active state. */
export function stateName(value: unknown): string {
  if (typeof value === 'string') return value;
  const [entry] = Object.entries(value as Record<string, unknown>);
  return entry === undefined ? '' : `${entry[0]}.${stateName(entry[1])}`;
}
