import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { MigrationRecord } from '../domain/record.ts';
import { sendCommand } from '../engine/command.ts';
import { resolveDraft, startMigration } from '../engine/start.ts';
import type { Ports } from '../ports/ports.ts';
import { parseMigration } from './migration-file.ts';

/** The event of a timer trigger (reference, Function Compute A3). */
const eventSchema = v.object({ triggerTime: v.string(), triggerName: v.string(), payload: v.string() });
const abortSchema = v.strictObject({ abort: v.string() });

/**
 * What a timer with a payload asks: a migration file (YAML or JSON) is started, `{"abort": "<name>"}` aborts one, both as
 * `schedule <trigger name>`. A timer may fire twice: the same trigger and time is the same run.
 *
 * @throws InvalidInputError where the payload is no migration file, and whatever a start or an abort by a person throws
 */
export async function actOnTimer(ports: Ports, event: Buffer): Promise<MigrationRecord> {
  const { triggerTime, triggerName, payload } = v.parse(eventSchema, JSON.parse(event.toString('utf8')));
  const actor = `schedule ${triggerName}`;
  const name = nameToAbort(payload);
  if (name !== null) return sendCommand(ports, name, { type: 'abort', isForced: false }, actor);
  const run = createHash('sha256').update(`${triggerName} ${triggerTime}`).digest('hex').slice(0, 16);
  return startMigration(ports, await resolveDraft(ports, parseMigration(payload)), { run, actor });
}

/** Null where the payload is something else; what is wrong with it is then the migration file's to say. */
function nameToAbort(payload: string): string | null {
  try {
    const asked = v.safeParse(abortSchema, JSON.parse(payload));
    return asked.success ? asked.output.abort : null;
  } catch {
    return null;
  }
}
