import { type Leftover, type LeftoverQuestion, leftoversOf } from '../domain/leftover.ts';
import type { Ports } from '../ports/ports.ts';

/** Samples of before this say nothing of the newest minute, however late they come. */
const readBackMs = 600_000;

type Asked = Omit<LeftoverQuestion, 'samples'>;

/** What is left at a side, from the samples of now. @throws what the signals throw */
export async function leftoversAt(
  { signals }: Pick<Ports, 'signals'>,
  name: string,
  asked: Asked,
): Promise<readonly Leftover[]> {
  return leftoversOf({ ...asked, samples: await signals.read(name, asked.atMs - readBackMs) });
}

/** The same at the end of a rollback, which never waits for signals (rule 5): where they cannot be read, nobody counts. */
export async function leftoversIfTold(
  ports: Pick<Ports, 'signals'>,
  name: string,
  asked: Asked,
): Promise<readonly Leftover[]> {
  try {
    return await leftoversAt(ports, name, asked);
  } catch {
    return leftoversOf({ ...asked, samples: [] });
  }
}
