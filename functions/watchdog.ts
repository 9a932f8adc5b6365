import { endOf, type FunctionContext, jsonLine } from '../src/compose-shared.ts';
import { watchdogFor } from '../src/compose-watchdog.ts';
import { type Watched, watchOver } from '../src/engine/watchdog.ts';

/** The timer comes every minute: this one is gone before the next, which goes on with what is not done. */
const minuteMs = 57_000;

/** Timer trigger of its own, every minute: the dead man's switch. Shares nothing with the machine but record and router. */
export async function handler(_event: Buffer, context: FunctionContext): Promise<Watched> {
  const composed = watchdogFor(context);
  const watched = await watchOver(composed.ports, endOf(context, composed, minuteMs));
  const { rolledBack, withoutStore, problems } = watched;
  // With the store gone there is no history and nobody to post for: the log is where this can be read.
  for (const one of withoutStore ?? []) console.log(jsonLine({ level: 'error', watchdog: 'without store', ...one }));
  for (const one of rolledBack) console.log(jsonLine({ level: 'error', watchdog: 'rolled back', ...one }));
  for (const text of problems) console.log(jsonLine({ level: 'error', text }));
  return watched;
}
