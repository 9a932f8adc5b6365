import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lmdbFolder } from '../../../src/adapters/lmdb/environment.ts';
import { lmdbSignals } from '../../../src/adapters/lmdb/signals.ts';
import { lmdbStore } from '../../../src/adapters/lmdb/store.ts';
import { TransientError } from '../../../src/ports/errors.ts';
import { entryOf, recordOf } from '../../contracts/records.ts';
import { sampleOf } from '../../contracts/signals.contract.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-lmdb-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('store and signals of one folder share one environment, which the last of them closes', async () => {
  const data = join(folder, 'data.folder', 'store');
  const store = lmdbStore(data);
  const signals = lmdbSignals(data);
  await store.commit(recordOf('shared', 1), 0, [entryOf(1)]);
  const sample = sampleOf(Date.now());
  await signals.record('shared', [sample]);
  await store.close();
  expect(await signals.read('shared', 0)).toEqual([sample]);
  await signals.close();
  await expect(signals.read('shared', 0)).rejects.toThrow(/the store is closed/);
  await expect(store.load('shared')).rejects.toThrow(/the store is closed/);
  await store.close();
});

it('what was committed is there when the folder is opened again, also at once', async () => {
  for (let round = 1; round <= 5; round += 1) {
    const store = lmdbStore(folder);
    expect((await store.load('again'))?.revision ?? 0).toBe(round - 1);
    await store.commit(recordOf('again', round), round - 1, [entryOf(round)]);
    const closing = store.close();
    const next = lmdbStore(folder);
    expect((await next.load('again'))?.revision).toBe(round);
    await closing;
    await next.close();
  }
});

it('a store that was never used makes no folder and closes', async () => {
  const data = join(folder, 'unused');
  await lmdbStore(data).close();
  await expect(stat(data)).rejects.toThrow(/ENOENT/);
});

it('the folder is for its owner alone', async () => {
  const data = join(folder, 'private');
  const store = lmdbStore(data);
  await store.load('nobody');
  await store.close();
  expect((await stat(data)).mode & 0o777).toBe(0o700);
});

it('a folder that cannot be used is a transient error that says where, and works once it can', async () => {
  const data = join(folder, 'taken');
  await writeFile(data, 'a file');
  const store = lmdbStore(data);
  await expect(store.load('taken')).rejects.toThrow(TransientError);
  await rm(data);
  expect(await store.load('taken')).toBeNull();
  await store.close();
});

it('a transaction that fails half way leaves nothing', async () => {
  const store = lmdbStore(folder);
  await store.commit(recordOf('half', 1, { dueAtMs: 1 }), 0, [entryOf(1)]);
  const environment = lmdbFolder(folder);
  const work = environment.use('fail', ({ root, heads, records }) =>
    root.transactionSync(() => {
      heads.putSync('half', { revision: 2, dueAtMs: null });
      records.putSync('half', 'nonsense');
      if (records.get('half') === 'nonsense') throw new Error('half way');
      return true;
    }),
  );
  await expect(work).rejects.toThrow(/lmdb: fail: half way/);
  expect((await store.load('half'))?.revision).toBe(1);
  await environment.close();
  await store.close();
});

it('the clock of a sandbox runs faster from its anchor on, for due work too', async () => {
  const anchorMs = Date.now() - 60_000;
  const store = lmdbStore(folder, { clockScale: { speed: 1_000_000, anchorMs } });
  const plain = lmdbStore(folder);
  const nowMs = await store.now();
  expect(nowMs).toBeGreaterThanOrEqual(anchorMs + 60_000 * 1_000_000);
  await store.commit(recordOf('fast', 1, { dueAtMs: nowMs - 1 }), 0, []);
  expect(await store.due(0, 10)).toHaveLength(1);
  expect(await plain.due(0, 10)).toEqual([]);
  await store.close();
  await plain.close();
});

it('of 50,100 samples the newest 50,000 are kept', async () => {
  const signals = lmdbSignals(folder);
  const begin = Date.now() - 60_000;
  for (let block = 0; block < 50_100; block += 2_505) {
    const times = Array.from({ length: 2_505 }, (_, index) => begin + block + index);
    await signals.record(
      'kept',
      times.map((fromMs) => sampleOf(fromMs)),
    );
  }
  const environment = lmdbFolder(folder);
  const keys = await environment.use('count', (opened) => [...opened.signals.getKeys()].map(([, fromMs]) => fromMs));
  expect([keys.length, keys[0]]).toEqual([50_000, begin + 100]);
  await environment.close();
  await signals.close();
});

it('history takes no more room than its 500 entries', async () => {
  const store = lmdbStore(folder);
  const entries = Array.from({ length: 400 }, (_, index) => entryOf(1, `${index}`));
  await store.commit(recordOf('long', 1), 0, entries);
  await store.commit(recordOf('long', 2), 1, entries);
  const environment = lmdbFolder(folder);
  expect(await environment.use('count', ({ history }) => [...history.getKeys()].length)).toBe(500);
  await environment.close();
  await store.close();
});
