import { createHash } from 'node:crypto';
import { parseMigration } from '../src/api/migration-file.ts';
import { composedFor, type FunctionContext } from '../src/compose.ts';
import { sendCommand } from '../src/engine/command.ts';
import { resolveDraft, startMigration } from '../src/engine/start.ts';

interface TimerEvent {
  readonly triggerTime: string;
  readonly triggerName: string;
  /** A migration file (YAML or JSON), or `{"abort": "<name>"}`. */
  readonly payload: string;
}

/** Timer trigger with payload: starts a planned migration, or aborts one, as `schedule <trigger name>`. */
export async function handler(
  event: Buffer,
  context: FunctionContext,
): Promise<{ readonly name: string; readonly state: string }> {
  const { triggerTime, triggerName, payload } = JSON.parse(event.toString('utf8')) as TimerEvent;
  const { ports } = composedFor(context);
  const actor = `schedule ${triggerName}`;
  const aborted = nameToAbort(payload);
  // A timer may fire twice: the same trigger and time is the same run.
  const run = createHash('sha256').update(`${triggerName} ${triggerTime}`).digest('hex').slice(0, 16);
  const record =
    aborted === null
      ? await startMigration(ports, await resolveDraft(ports, parseMigration(payload)), { run, actor })
      : await sendCommand(ports, aborted, { type: 'abort', isForced: false }, actor);
  await ports.invoker.invoke(record.name, `${record.run}-${record.revision}`, 0).catch((error: unknown) => {
    // The tick finds the work within a minute.
    console.log(
      JSON.stringify({ level: 'warning', text: 'the step function could not be invoked', error: String(error) }),
    );
  });
  return { name: record.name, state: record.state };
}

function nameToAbort(payload: string): string | null {
  if (!payload.trimStart().startsWith('{')) return null;
  const { abort } = JSON.parse(payload) as { readonly abort?: unknown };
  return typeof abort === 'string' ? abort : null;
}
