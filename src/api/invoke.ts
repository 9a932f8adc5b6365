import { jsonLine } from '../domain/plain-text.ts';
import type { MigrationRecord } from '../domain/record.ts';
import { messageOf } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';

/**
 * Asks for the invocation that carries on what was committed. That it fails is logged and no more: what was committed
 * is due work, and the next tick finds it.
 */
export async function goOn(ports: Ports, { name, revision }: MigrationRecord): Promise<void> {
  try {
    await ports.invoker.invoke(name, `${name}-${revision}`, 0);
  } catch (error) {
    const message = `cannot invoke the step of ${name}, the tick will: ${messageOf(error)}`;
    console.error(jsonLine({ level: 'warning', message }));
  }
}
