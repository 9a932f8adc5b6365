import type { MigrationEvent } from '../../state-machines/events.ts';
import type { PersonCommand } from '../domain/person-command.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { NotAllowedError, NotFoundError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { commitEvent } from './advance.ts';
import { allowedStates, isAllowed } from './allowed.ts';
import { contextOf } from './snapshot.ts';
import { historyOf } from './step.ts';

/**
 * Commits what a person (or a schedule) asked, with who it was. Carrying it out is the next invocation's.
 * @throws NotFoundError, NotAllowedError with the states in which it is possible
 */
export async function sendCommand(
  ports: Ports,
  name: string,
  command: PersonCommand,
  actor: string,
): Promise<MigrationRecord> {
  const record = await commitEvent(
    ports,
    name,
    // What the API marks an actor with (behind #, to know a repeated request) is for the history alone.
    (at): MigrationEvent => ({ ...command, actor: actor.split('#')[0] ?? actor, at }),
    (next, atMs) => [historyOf('command', sentence(command), next.run, next.revision, atMs, actor)],
  );
  if (record !== null) return record;
  const current = await ports.store.load(name);
  if (current === null) throw new NotFoundError(`there is no migration ${name}`);
  const why = isAllowed(command.type, current.state) ? whyNot(command, current) : null;
  throw new NotAllowedError(command.type, current.state, allowedStates(command.type), why);
}

/** What stands against a command in a state that knows it: another gate's id, a window that is closed. */
function whyNot(command: PersonCommand, current: MigrationRecord): string | null {
  const { gate, hold } = contextOf(current);
  if (command.type === 'approve' && gate !== null) return `the open gate is ${gate.id}`;
  if (command.type === 'rollback') return 'a rollback is under way; only force goes past its guards';
  if (hold === null) return null;
  return hold.cause === 'window' ? `held: ${hold.text}; promote goes past it` : `held: ${hold.text}`;
}

function sentence(command: PersonCommand): string {
  switch (command.type) {
    case 'promote':
      return command.all ? 'promote all steps' : 'promote this step';
    case 'approve':
      return command.gate === null ? 'approve' : `approve gate ${command.gate}`;
    case 'abort':
    case 'rollback':
      return command.isForced ? `${command.type}, forced` : command.type;
    default:
      return command.type;
  }
}
