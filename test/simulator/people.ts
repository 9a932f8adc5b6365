import type { PersonCommand } from '../../src/domain/person-command.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { contextOf } from './facts.ts';

/** A person reads the gate's id where it is shown; the wrong one stays wrong. */
export function asTyped(command: PersonCommand, record: MigrationRecord | undefined): PersonCommand {
  if (command.type !== 'approve' || command.gate !== null || record === undefined) return command;
  const { gate } = contextOf(record);
  return record.state === 'progressing.gated' && gate !== null ? { ...command, gate: gate.id } : command;
}
