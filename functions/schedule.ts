import { actOnTimer } from '../src/api/scheduling.ts';
import { composedFor, type FunctionContext, jsonLine } from '../src/compose.ts';

/** Timer trigger with payload: starts a planned migration, or aborts one. */
export async function handler(
  event: Buffer,
  context: FunctionContext,
): Promise<{ readonly name: string; readonly state: string }> {
  const { ports } = composedFor(context);
  const { name, run, revision, state } = await actOnTimer(ports, event);
  await ports.invoker.invoke(name, `${run}-${revision}`, 0).catch((error: unknown) => {
    // The tick finds the work within a minute.
    console.log(jsonLine({ level: 'warning', text: 'the step function could not be invoked', error: String(error) }));
  });
  return { name, state };
}
