import { composedFor, endOf, type FunctionContext, jsonLine } from '../src/compose.ts';
import { type Ticked, tick } from '../src/engine/tick.ts';

/** The timer comes every minute: this one is gone before the next, so that they do not pile up. */
const minuteMs = 58_000;

/** Timer trigger, every minute: due work, then the watch loop until just before the next tick. */
export async function handler(_event: Buffer, context: FunctionContext): Promise<Ticked> {
  const composed = composedFor(context);
  const ticked = await tick(composed.ports, endOf(context, composed, minuteMs));
  for (const [migration, text] of Object.entries(ticked.failed)) {
    console.log(jsonLine({ level: 'error', migration, text }));
  }
  return ticked;
}
