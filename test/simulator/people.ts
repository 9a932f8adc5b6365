import type { PersonCommand } from '../../src/domain/person-command.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { contextOf } from './facts.ts';
import type { Answers } from './faults.ts';

/** A person reads the gate's id where it is shown; the wrong one stays wrong. */
export function asTyped(command: PersonCommand, record: MigrationRecord | undefined): PersonCommand {
  if (command.type !== 'approve' || command.gate !== null || record === undefined) return command;
  const { gate } = contextOf(record);
  return record.state === 'progressing.gated' && gate !== null ? { ...command, gate: gate.id } : command;
}

/** What somebody who attends says to a migration that waits for a person; null where it does not. */
export function answerTo(record: MigrationRecord | undefined, answers: Answers): PersonCommand | null {
  switch (record?.state) {
    case 'paused':
    case 'held':
    case 'stuck':
      return answers[record.state];
    case 'progressing.gated':
      return answers.gated;
    default:
      return null;
  }
}
