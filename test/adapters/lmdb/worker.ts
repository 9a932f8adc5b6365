// A process of its own that works on a store: `worker.ts <folder> increment|idle|churn <name> <times>`. All count the record
// up; `increment` ends then, `idle` stays with the store open, `churn` never stops counting.
import { lmdbStore } from '../../../src/adapters/lmdb/store.ts';
import { entryOf, recordOf } from '../../contracts/records.ts';

const [, , folder = '', task = '', name = '', times = '0'] = process.argv;
const store = lmdbStore(folder);
const attemptsMax = 100_000;

/** Adds one to the record's count by compare-and-set, as often as it takes; gives the new revision. */
async function increment(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const record = await store.load(name);
    const revision = record?.revision ?? 0;
    const count = ((record?.snapshot as { count?: number } | undefined)?.count ?? 0) + 1;
    const next = recordOf(name, revision + 1, {
      snapshot: { count, padding: 'x'.repeat(2_000) },
      dueAtMs: revision + 1,
    });
    if (await store.commit(next, revision, [entryOf(revision + 1)])) return revision + 1;
  }
  throw new Error(`no commit in ${attemptsMax} attempts`);
}

if (task !== 'churn') {
  for (let done = 0; done < Number(times); done += 1) process.stdout.write(`${await increment()}\n`);
  if (task === 'increment') await store.close();
  else setInterval(() => undefined, 60_000);
} else {
  // Told only after the commit was acknowledged: what was printed must never be lost.
  for (;;) process.stdout.write(`${await increment()}\n`);
}
