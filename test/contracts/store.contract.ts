import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TerminalError, UnreadableRecordError } from '../../src/ports/errors.ts';
import type { MigrationStore } from '../../src/ports/migration-store.ts';
import { entryOf, recordOf } from './records.ts';

/** What the suite needs of a kind of store. Each test uses names of its own, so one database serves them all. */
export interface StoreHarness {
  /** One more user of the same database, as another process has. */
  open(): MigrationStore;
  /** Writes a record's text past the store. */
  plant(name: string, revision: number, text: string): Promise<void>;
  /** The record's text as it is stored. */
  stored(name: string): Promise<string | null>;
  stop(): Promise<void>;
}

/** What every MigrationStore does; run against each of them. */
export function storeContract(start: () => Promise<StoreHarness>): void {
  let harness: StoreHarness;
  let store: MigrationStore;
  let other: MigrationStore;
  beforeAll(async () => {
    harness = await start();
    store = harness.open();
    other = harness.open();
  });
  afterAll(async () => {
    await store.close();
    await other.close();
    await harness.stop();
  });
  const shared = () => ({ harness, store, other });
  describe('a record', () => aRecord(shared));
  describe('a race', () => aRace(shared));
  describe('a record that cannot be read', () => anUnreadableRecord(shared));
  describe('bounds', () => bounds(shared));
  describe('due work', () => dueWork(shared));
  describe('history', () => history(shared));
  describe('claims', () => claims(shared));
  describe('leases', () => leases(shared));
}

type Shared = () => { readonly harness: StoreHarness; readonly store: MigrationStore; readonly other: MigrationStore };

function aRecord(shared: Shared): void {
  it('is not there before it is committed', async () => {
    expect(await shared().store.load('nobody')).toBeNull();
  });

  it('comes back as it was committed, for every user of the database', async () => {
    const { store, other } = shared();
    const record = recordOf('whole', 1, { snapshot: { text: 'Größe "日本" \u2028 \\', list: [null, 0.1, true, {}] } });
    expect(await store.commit(record, 0, [])).toBe(true);
    expect(await store.load('whole')).toEqual(record);
    expect(await other.load('whole')).toEqual(record);
  });

  it('is a copy: what the caller changes afterwards changes nothing here', async () => {
    const { store } = shared();
    const snapshot = { context: { step: 1 } };
    await store.commit(recordOf('copied', 1, { snapshot }), 0, []);
    snapshot.context.step = 2;
    const loaded = await store.load('copied');
    expect(loaded?.snapshot).toEqual({ context: { step: 1 } });
    if (loaded !== null) (loaded.snapshot as typeof snapshot).context.step = 3;
    expect((await store.load('copied'))?.snapshot).toEqual({ context: { step: 1 } });
  });

  it('keeps names apart that look like parts of keys', async () => {
    const { store } = shared();
    const names = ['a', 'a:b', 'a:history', '{s0}', '}{', 'record:a', 'sluice:{s0}:due', "it's", '*', '..'];
    for (const name of names) expect(await store.commit(recordOf(name, 1), 0, [entryOf(1, name)])).toBe(true);
    for (const name of names) {
      expect((await store.load(name))?.name).toBe(name);
      expect(await store.history(name, 10)).toEqual([entryOf(1, name)]);
    }
  });

  it('frees its name when it is final: the next run commits over it', async () => {
    const { store } = shared();
    await store.commit(recordOf('reused', 7, { dueAtMs: 1 }), 0, []);
    await store.commit(recordOf('reused', 8, { isFinal: true, state: 'closed' }), 7, [entryOf(8)]);
    expect((await store.load('reused'))?.isFinal).toBe(true);
    expect((await store.due(0, 1000)).map(({ name }) => name)).not.toContain('reused');
    expect(await store.commit(recordOf('reused', 40, { run: 'run-2' }), 8, [entryOf(40)])).toBe(true);
    expect(await store.load('reused')).toMatchObject({ run: 'run-2', revision: 40, isFinal: false });
    expect((await store.history('reused', 10)).map(({ revision }) => revision)).toEqual([8, 40]);
  });

  it('is listed by its name, in the order of names, as many as asked', async () => {
    const { store } = shared();
    for (const name of ['zz-3', 'zz-1', 'zz-2']) await store.commit(recordOf(name, 1), 0, []);
    const names = await store.names(1000);
    expect(names.filter((name) => name.startsWith('zz-'))).toEqual(['zz-1', 'zz-2', 'zz-3']);
    expect(names).toEqual([...names].sort());
    expect(await store.names(2)).toEqual(names.slice(0, 2));
    expect(await store.names(0)).toEqual([]);
  });
}

function aRace(shared: Shared): void {
  it('is lost by who read an older revision: nothing of the loser stays', async () => {
    const { store, other } = shared();
    await store.commit(recordOf('race', 1), 0, []);
    expect(await other.commit(recordOf('race', 2, { state: 'shifting' }), 1, [entryOf(2, 'first')])).toBe(true);
    expect(await store.commit(recordOf('race', 2, { state: 'held', dueAtMs: 5 }), 1, [entryOf(2, 'second')])).toBe(
      false,
    );
    expect((await store.load('race'))?.state).toBe('shifting');
    expect((await store.history('race', 10)).map(({ text }) => text)).toEqual(['first']);
    expect((await store.due(0, 1000)).map(({ name }) => name)).not.toContain('race');
  });

  it('is lost by who commits the same content a second time', async () => {
    const { store } = shared();
    const record = recordOf('twice', 1);
    expect(await store.commit(record, 0, [entryOf(1)])).toBe(true);
    expect(await store.commit(record, 0, [entryOf(1)])).toBe(false);
    expect(await store.history('twice', 10)).toHaveLength(1);
  });

  it('to create a name has one winner of fifty', async () => {
    const { store, other } = shared();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? store : other).commit(recordOf('created', 1, { run: `run-${index}` }), 0, [
          entryOf(1, `${index}`),
        ]),
      ),
    );
    const winner = outcomes.indexOf(true);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect((await store.load('created'))?.run).toBe(`run-${winner}`);
    expect((await store.history('created', 100)).map(({ text }) => text)).toEqual([`${winner}`]);
  });

  it('for a name that does not exist is lost by who expects a revision', async () => {
    const { store } = shared();
    expect(await store.commit(recordOf('expected', 5), 4, [entryOf(5)])).toBe(false);
    expect(await store.load('expected')).toBeNull();
    expect(await store.history('expected', 10)).toEqual([]);
    expect(await store.names(1000)).not.toContain('expected');
  });
}

function leases(shared: Shared): void {
  it('are held by one at a time, renewed by who has them, and free when they are over', async () => {
    const { store, other } = shared();
    expect(await store.lease('clb lb-1', 'first', 60_000)).toBe(true);
    expect(await store.lease('clb lb-1', 'first', 60_000)).toBe(true);
    expect(await other.lease('clb lb-1', 'second', 60_000)).toBe(false);
    expect(await other.lease('clb lb-2', 'second', 60_000)).toBe(true);
    await other.endLease('clb lb-1', 'second');
    expect(await other.lease('clb lb-1', 'second', 60_000)).toBe(false);
    await store.endLease('clb lb-1', 'first');
    expect(await other.lease('clb lb-1', 'second', 60_000)).toBe(true);
  });

  it('have one winner of twenty', async () => {
    const { store, other } = shared();
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).lease('clb race', `${index}`, 60_000)),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  it('refuse what is no lease', async () => {
    const { store } = shared();
    await expect(store.lease('', 'h', 1)).rejects.toThrow(/thing of a lease/);
    await expect(store.lease('clb', 'h', 0)).rejects.toThrow(/lease of 0 ms/);
  });
}

function anUnreadableRecord(shared: Shared): void {
  const good = (name: string) => JSON.stringify(recordOf(name, 3));
  const cases: readonly (readonly [string, (name: string) => string, RegExp])[] = [
    ['is not JSON', () => '{"schema": 1, "secret', /not JSON/],
    ['is empty', () => '', /not JSON/],
    ['is no object', () => '[]', /schema/],
    [
      'has a schema of a later version',
      (name) => good(name).replace('"schema":1', '"schema":2'),
      /schema is 2.*knows 1/,
    ],
    ['carries another name', (name) => good(`${name}-x`), /another name/],
    ['carries another revision', (name) => good(name).replace('"revision":3', '"revision":4'), /another revision/],
    ['has no outbox', (name) => good(name).replace('"outbox"', '"outdoor"'), /outbox/],
  ];
  for (const [index, [what, text, message]] of cases.entries()) {
    it(`because it ${what} is reported, and left as it is`, async () => {
      const { harness, store } = shared();
      const name = `unreadable-${index}`;
      await harness.plant(name, 3, text(name));
      const error = await store.load(name).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(UnreadableRecordError);
      expect(String(error)).toMatch(message);
      expect(String(error)).toContain(name);
      expect(String(error)).not.toContain('secret');
      expect(await store.commit(recordOf(name, 1), 0, [entryOf(1)])).toBe(false);
      expect(await harness.stored(name)).toBe(text(name));
    });
  }
}

function bounds(shared: Shared): void {
  it('refuse a record of 1 MB with its size and the limit, and keep the one before', async () => {
    const { store } = shared();
    await store.commit(recordOf('large', 1), 0, []);
    const huge = recordOf('large', 2, { snapshot: 'x'.repeat(1024 * 1024), dueAtMs: 1 });
    const error = await store.commit(huge, 1, [entryOf(2)]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TerminalError);
    expect(String(error)).toMatch(/"large" has 104\d{4} bytes; the limit is 262144/);
    expect((await store.load('large'))?.revision).toBe(1);
    expect(await store.history('large', 10)).toEqual([]);
  });

  it('count bytes, not characters', async () => {
    const { store } = shared();
    await expect(store.commit(recordOf('wide', 1, { snapshot: '日'.repeat(100_000) }), 0, [])).rejects.toThrow(/limit/);
    expect(await store.commit(recordOf('wide', 1, { snapshot: 'x'.repeat(250_000) }), 0, [])).toBe(true);
    expect((await store.load('wide'))?.snapshot).toHaveLength(250_000);
  });

  it('refuse a revision that does not grow, and a due time that is none', async () => {
    const { store } = shared();
    await expect(store.commit(recordOf('small', 0), 0, [])).rejects.toThrow(/revision 0 does not follow 0/);
    await expect(store.commit(recordOf('small', 3), 3, [])).rejects.toThrow(/revision 3 does not follow 3/);
    await expect(store.commit(recordOf('small', 1, { dueAtMs: Number.NaN }), 0, [])).rejects.toThrow(/due time/);
    expect(await store.load('small')).toBeNull();
  });

  it('refuse names that no migration can have', async () => {
    const { store } = shared();
    for (const name of ['', 'a b', 'a\nb', 'a\0', 'ü', 'x'.repeat(254)]) {
      await expect(store.load(name)).rejects.toThrow(/name of a migration/);
      await expect(store.commit(recordOf(name, 1), 0, [])).rejects.toThrow(/name of a migration/);
      await expect(store.history(name, 1)).rejects.toThrow(/name of a migration/);
    }
  });

  it('refuse too many claims at once, and empty or endless ones', async () => {
    const { store } = shared();
    const holder = { name: 'greedy', run: 'r' };
    const many = Array.from({ length: 1001 }, (_, index) => `greedy-${index}`);
    await expect(store.claim(many, holder)).rejects.toThrow(/1001 claims at once; the limit is 1000/);
    await expect(store.claim(['ok', ''], holder)).rejects.toThrow(/claims\[1\]/);
    await expect(store.release(['x'.repeat(513)], holder)).rejects.toThrow(/claims\[0\]/);
    expect(await store.claim(many.slice(1), holder)).toBeNull();
    expect(await store.claim(many.slice(0, 2), { name: 'late', run: 'r' })).toMatchObject({ claim: 'greedy-1' });
  });
}

function dueWork(shared: Shared): void {
  const dueOf = async (prefix: string, withinMs: number, limit = 1000) =>
    (await shared().store.due(withinMs, limit)).filter(({ name }) => name.startsWith(prefix));

  it('comes earliest first, and by name where times are equal', async () => {
    const { store } = shared();
    const past = (await store.now()) - 60_000;
    for (const [name, dueAtMs] of [
      ['o-c', past + 2],
      ['o-b', past + 3],
      ['o-d', past + 2],
      ['o-a', past + 9],
    ] as const) {
      await store.commit(recordOf(name, 1, { dueAtMs }), 0, []);
    }
    expect(await dueOf('o-', 0)).toEqual([
      { name: 'o-c', dueAtMs: past + 2 },
      { name: 'o-d', dueAtMs: past + 2 },
      { name: 'o-b', dueAtMs: past + 3 },
      { name: 'o-a', dueAtMs: past + 9 },
    ]);
  });

  it('is the earliest of timers and commands', async () => {
    const { store } = shared();
    const nowMs = await store.now();
    const command = {
      id: 'm/r/1/0',
      effect: { type: 'shift', params: {} },
      revision: 1,
      createdAtMs: 0,
      attempts: 0,
      note: null,
    };
    const outbox = [{ ...command, dueAtMs: nowMs - 5 }];
    await store.commit(recordOf('e-1', 1, { dueAtMs: nowMs + 3_600_000, outbox }), 0, []);
    expect(await dueOf('e-', 0)).toEqual([{ name: 'e-1', dueAtMs: nowMs - 5 }]);
  });

  it('of the future is seen only by who asks for it', async () => {
    const { store } = shared();
    const nowMs = await store.now();
    await store.commit(recordOf('f-1', 1, { dueAtMs: nowMs + 600_000 }), 0, []);
    expect(await dueOf('f-', 0)).toEqual([]);
    expect(await dueOf('f-', 60_000)).toEqual([]);
    expect(await dueOf('f-', 700_000)).toHaveLength(1);
  });

  it('moves with each commit, and leaves when nothing is due', async () => {
    const { store } = shared();
    await store.commit(recordOf('m-1', 1, { dueAtMs: 10 }), 0, []);
    await store.commit(recordOf('m-1', 2, { dueAtMs: 20 }), 1, []);
    expect(await dueOf('m-', 0)).toEqual([{ name: 'm-1', dueAtMs: 20 }]);
    await store.commit(recordOf('m-1', 3), 2, []);
    expect(await dueOf('m-', 0)).toEqual([]);
    await store.commit(recordOf('m-1', 4, { dueAtMs: 30 }), 3, []);
    expect(await dueOf('m-', 0)).toEqual([{ name: 'm-1', dueAtMs: 30 }]);
  });

  it('is no more than asked for, the earliest of it', async () => {
    const { store } = shared();
    for (const index of [3, 1, 2]) await store.commit(recordOf(`l-${index}`, 1, { dueAtMs: -index }), 0, []);
    expect((await store.due(0, 2)).map(({ name }) => name)).toEqual(['l-3', 'l-2']);
    expect(await store.due(0, 0)).toEqual([]);
  });
}

function history(shared: Shared): void {
  it('is given oldest first, the newest of it where less is asked for', async () => {
    const { store } = shared();
    await store.commit(recordOf('h-1', 1), 0, [entryOf(1, 'a'), entryOf(1, 'b')]);
    await store.commit(recordOf('h-1', 2), 1, [entryOf(2, 'c')]);
    expect((await store.history('h-1', 500)).map(({ text }) => text)).toEqual(['a', 'b', 'c']);
    expect((await store.history('h-1', 2)).map(({ text }) => text)).toEqual(['b', 'c']);
    expect(await store.history('h-1', 0)).toEqual([]);
    expect(await store.history('h-nobody', 10)).toEqual([]);
  });

  it('keeps the newest 500 of a name', async () => {
    const { store } = shared();
    let revision = 0;
    for (let block = 0; block < 6; block += 1) {
      const entries = Array.from({ length: 100 }, (_, index) => entryOf(revision + 1, `${block * 100 + index}`));
      await store.commit(recordOf('h-2', revision + 1), revision, entries);
      revision += 1;
    }
    const texts = (await store.history('h-2', 10_000)).map(({ text }) => text);
    expect(texts).toHaveLength(500);
    expect([texts[0], texts.at(-1)]).toEqual(['100', '599']);
  });

  it('takes more than 500 entries with one commit, and keeps the newest of them', async () => {
    const { store } = shared();
    const entries = Array.from({ length: 700 }, (_, index) => entryOf(1, `${index}`));
    expect(await store.commit(recordOf('h-3', 1), 0, entries)).toBe(true);
    const texts = (await store.history('h-3', 500)).map(({ text }) => text);
    expect([texts.length, texts[0], texts.at(-1)]).toEqual([500, '200', '699']);
  });

  it('cuts an endless text instead of refusing the commit', async () => {
    const { store } = shared();
    expect(await store.commit(recordOf('h-4', 1), 0, [entryOf(1, 'y'.repeat(100_000))])).toBe(true);
    const [entry] = await store.history('h-4', 1);
    expect(entry?.text).toHaveLength(2_000);
    expect(entry?.text.endsWith('…')).toBe(true);
  });
}

function claims(shared: Shared): void {
  const one = { name: 'one', run: 'r1' };
  const two = { name: 'two', run: 'r1' };

  it('are taken all or none', async () => {
    const { store, other } = shared();
    expect(await store.claim(['c1-b'], one)).toBeNull();
    expect(await other.claim(['c1-a', 'c1-b', 'c1-c'], two)).toEqual({ claim: 'c1-b', holder: one });
    expect(await store.claim(['c1-a', 'c1-c'], one)).toBeNull();
  });

  it('are taken again by the same holder, and by no other run of it', async () => {
    const { store } = shared();
    expect(await store.claim(['c2-a'], one)).toBeNull();
    expect(await store.claim(['c2-a', 'c2-b'], one)).toBeNull();
    expect(await store.claim(['c2-b'], { name: 'one', run: 'r2' })).toEqual({ claim: 'c2-b', holder: one });
  });

  it('are given back only by who holds them', async () => {
    const { store, other } = shared();
    await store.claim(['c3-a'], one);
    await other.claim(['c3-b'], two);
    await other.release(['c3-a', 'c3-b', 'c3-never'], two);
    expect(await store.claim(['c3-a'], two)).toEqual({ claim: 'c3-a', holder: one });
    expect(await store.claim(['c3-b'], one)).toBeNull();
    await store.release(['c3-a'], one);
    expect(await store.claim(['c3-a'], two)).toBeNull();
  });

  it('have one winner of fifty who want the same', async () => {
    const { store, other } = shared();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? store : other).claim(['c4-a', 'c4-b'], { name: `m-${index}`, run: 'r' }),
      ),
    );
    expect(answers.filter((answer) => answer === null)).toHaveLength(1);
  });

  it('of nothing are always given', async () => {
    const { store } = shared();
    expect(await store.claim([], one)).toBeNull();
    await store.release([], one);
  });
}
