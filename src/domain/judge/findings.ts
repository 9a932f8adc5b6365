import type { Sample } from '../verdict.ts';
import { latenessMs, type Writer, writersOf } from './cells.ts';

/** A clock that is ahead by less is no trouble: the samples wait until their time has come. */
export const aheadMsMin = 2_000;
/** An instance that is silent for longer has ended; samples that are older say nothing of who counts. */
export const goneAfterMs = 300_000;
const findingsMax = 5;

/** What is wrong with the programs that count, in words: clocks that are ahead, and intervals that come too late to be judged. */
export function findingsOf(samples: readonly Sample[], atMs: number): readonly string[] {
  const writers = writersOf(samples);
  const newestMs = Math.max(...writers.map(({ toMs }) => Math.min(toMs, atMs)));
  const found = writers.flatMap((writer) => {
    const behindMs = newestMs - writer.toMs;
    const isLate = behindMs > latenessMs + 2 * writer.ms && behindMs < goneAfterMs;
    if (writer.toMs > atMs + aheadMsMin) {
      return [`${nameOf(writer)} counts ${seconds(writer.toMs - atMs)} ahead of the store's clock: set its clock`];
    }
    return isLate
      ? [`${nameOf(writer)} is ${seconds(behindMs)} behind the others: it ended, or what it reports comes too late`]
      : [];
  });
  return found.slice(0, findingsMax);
}

function nameOf({ side, instance }: Writer): string {
  return `${instance} of the ${side}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
