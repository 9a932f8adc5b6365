import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lmdbFolder } from '../../../src/adapters/lmdb/environment.ts';
import { type LmdbSignals, lmdbSignals } from '../../../src/adapters/lmdb/signals.ts';
import { InvalidInputError } from '../../../src/ports/errors.ts';
import { sampleOf } from '../../contracts/signals.contract.ts';

const hourMs = 3_600_000;
let folder: string;
let signals: LmdbSignals;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-lmdb-'));
  signals = lmdbSignals(folder);
});
afterEach(async () => {
  await signals.close();
  await rm(folder, { recursive: true, force: true });
});

it('samples of a thousand names are kept, and of no other: nobody can fill the disk with names that no migration has', async () => {
  const fresh = [sampleOf(Date.now())];
  for (let name = 0; name < 1_000; name += 1) await signals.record(`name-${name}`, fresh);
  const refused = await signals.record('one-more', fresh).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InvalidInputError);
  expect(await signals.read('one-more', 0)).toEqual([]);
  await signals.record('name-7', [sampleOf(Date.now() + 1)]);
  expect(await signals.read('name-7', 0)).toHaveLength(2);
});

it('a name whose samples are all more than a day old makes room for another', async () => {
  const nowMs = Date.now();
  await signals.record('forgotten', [sampleOf(nowMs)]);
  await signals.record('busy', [sampleOf(nowMs + 23 * hourMs)]);
  // A clock that runs twice as fast since 36 hours ago is 36 hours ahead now.
  const later = lmdbSignals(folder, { clockScale: { speed: 2, anchorMs: nowMs - 36 * hourMs } });
  const looking = lmdbFolder(folder);
  const names = () => looking.use('look', ({ signals: kept }) => [...kept.getKeys()].map(([name]) => name));
  expect(await names()).toEqual(['busy', 'forgotten']);
  await later.record('new', [sampleOf(nowMs + 36 * hourMs)]);
  expect(await names()).toEqual(['busy', 'new']);
  await looking.close();
  await later.close();
});

it('samples that an older version wrote, which knew of no connections, are read', async () => {
  const sample = sampleOf(Date.now());
  const looking = lmdbFolder(folder);
  await looking.use('write', ({ signals: kept }) =>
    kept.putSync(['old', sample.fromMs, sample.side, sample.instance], [sample.ms, sample.requests, sample.errors]),
  );
  expect(await signals.read('old', 0)).toStrictEqual([sample]);
  await looking.close();
});
