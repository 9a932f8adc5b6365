import { ConflictError, messageOf, TransientError } from '../ports/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { advance } from './advance.ts';

const dueMax = 500;
const atOnceMax = 32;
/** The due index is asked this often: a person's abort waits no longer, even where the step function is lost. */
const pollMs = 1_000;

export interface Ticked {
  /** Names that were advanced, each once. */
  readonly advanced: readonly string[];
  /** Records that could not be read or advanced, and why; they are left as they are. */
  readonly failed: Readonly<Record<string, string>>;
}

/**
 * Due work, then the watch loop: while any migration has work before `untilMs` (this machine's clock), stays and looks.
 * A migration that cannot be advanced does not hold up the others.
 */
export async function tick(ports: Ports, untilMs: number): Promise<Ticked> {
  const advanced = new Set<string>();
  const failed: Record<string, string> = {};
  const running = new Map<string, Promise<void>>();
  while (ports.clock.now() < untilMs) {
    const due = await ports.store.due(Math.max(0, untilMs - ports.clock.now()), dueMax);
    const nowMs = await ports.store.now();
    for (const { name, dueAtMs } of due) {
      if (dueAtMs > nowMs || running.has(name) || name in failed || running.size >= atOnceMax) continue;
      advanced.add(name);
      running.set(
        name,
        advance(ports, name, untilMs)
          .then(() => undefined)
          .catch((error: unknown) => note(failed, name, error))
          .finally(() => running.delete(name)),
      );
    }
    const waiting = due.filter(({ name }) => !running.has(name) && !(name in failed));
    if (waiting.length === 0 && running.size === 0) break;
    const nextInMs = Math.max(0, Math.min(pollMs, ...waiting.map(({ dueAtMs }) => dueAtMs - nowMs)));
    await Promise.race([
      ports.clock.sleep(Math.max(nextInMs, 1)),
      ...(running.size >= atOnceMax ? running.values() : []),
    ]);
  }
  await Promise.all(running.values());
  return { advanced: [...advanced], failed };
}

function note(failed: Record<string, string>, name: string, error: unknown): void {
  // A store that is away for a moment, or a race that was lost, is for the next round of this loop.
  if (error instanceof TransientError || error instanceof ConflictError) return;
  failed[name] = messageOf(error);
}
