import { composedFor, endOf, type FunctionContext } from '../src/compose.ts';
import { type Advanced, advance } from '../src/engine/advance.ts';

/** The tick looks at it from the next minute on; until then this one does. */
const minuteMs = 62_000;
const lingerMs = 15_000;

/** Asynchronous self-invocation `{ "name": ... }`: goes on with one migration until it is quiet. */
export async function handler(event: Buffer, context: FunctionContext): Promise<Advanced> {
  const { name } = JSON.parse(event.toString('utf8')) as { readonly name?: unknown };
  if (typeof name !== 'string') throw new TypeError('the event must be {"name": "<migration>"}');
  const composed = composedFor(context);
  return advance(composed.ports, name, endOf(context, composed, minuteMs), lingerMs);
}
