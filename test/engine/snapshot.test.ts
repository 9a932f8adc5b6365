import { expect, it } from 'vitest';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { contextOf, restoreSnapshot } from '../../src/engine/snapshot.ts';
import { startMigration } from '../../src/engine/start.ts';
import { viewOf } from '../../src/engine/view.ts';
import { UnreadableRecordError } from '../../src/ports/errors.ts';
import { aSpec, aStep } from '../fixtures/builders.ts';
import { aWorld } from '../fixtures/world.ts';

interface Stored {
  readonly value: unknown;
  readonly context: Readonly<Record<string, unknown>> & { readonly spec: Readonly<Record<string, unknown>> };
}

/** The record as a version wrote it that knew nothing of some fields of the context and of the spec. */
function without(record: MigrationRecord, fields: readonly string[], ofSpec: readonly string[]): MigrationRecord {
  const { value, context } = record.snapshot as Stored;
  const left = (all: object, gone: readonly string[]) =>
    Object.fromEntries(Object.entries(all).filter(([field]) => !gone.includes(field)));
  const baseline = left(context['baseline'] as object, ['subsets']);
  const old = { ...left(context, fields), baseline, spec: left(context.spec, ofSpec) };
  return { ...record, snapshot: { value, context: old } };
}

async function aBakingRecord() {
  const world = aWorld();
  const spec = aSpec({ steps: [aStep(10), aStep(100)] });
  await startMigration(world.ports, spec, { run: 'run-1', actor: 'ada' });
  await advance(world.ports, spec.name, world.nowMs + 20_000);
  const record = await world.ports.store.load(spec.name);
  if (record?.state !== 'progressing.baking') throw new Error(`it is ${record?.state}`);
  return { world, record };
}

const added = [
  ...['observedOn', 'shrunk', 'backends', 'settlingSinceMs', 'splits', 'achievedSplits'],
  ...['gatewayFields', 'gatewayChange', 'entries'],
];
const addedToSpec = ['routeOrder', 'subsets', 'paths'];

it('a record of the version before is read with what is new as it is at the beginning, and keeps the rest', async () => {
  const { record } = await aBakingRecord();
  const old = without(record, added, addedToSpec);
  const atTheBeginning = { backends: null, settlingSinceMs: null, gatewayFields: [], gatewayChange: null, entries: [] };
  expect(contextOf(old)).toEqual({ ...contextOf(record), ...atTheBeginning });
  expect(contextOf(old)).toMatchObject({ observedOn: [], step: 0, spec: { routeOrder: 'together' } });
  expect(restoreSnapshot(old).context).toEqual(contextOf(old));
  expect(restoreSnapshot(old).matches({ progressing: 'baking' })).toBe(true);
  expect(viewOf(old)).toMatchObject({ step: 1, steps: 2, route: null, share: { asked: 10 } });
});

it('a record that lacks nothing is read as it stands, without a copy', async () => {
  const { record } = await aBakingRecord();
  expect(contextOf(record)).toBe((record.snapshot as Stored).context);
});

it('a migration that was under way when the version changed goes on to its end', async () => {
  const { world, record } = await aBakingRecord();
  const old = { ...without(record, added, addedToSpec), revision: record.revision + 1 };
  expect(await world.ports.store.commit(old, record.revision, [])).toBe(true);
  for (let tick = 0; tick < 300 && (await world.ports.store.load(record.name))?.state !== 'completed'; tick++) {
    await world.count('source', 100, 0);
    await world.count('target', 100, 0);
    await advance(world.ports, record.name, world.nowMs + 5_000);
    world.nowMs += 1_000;
  }
  expect((await world.ports.store.load(record.name))?.state).toBe('completed');
});

it('a migration of the version before comes back whole', async () => {
  const { world, record } = await aBakingRecord();
  const old = { ...without(record, added, addedToSpec), revision: record.revision + 1 };
  expect(await world.ports.store.commit(old, record.revision, [])).toBe(true);
  await sendCommand(world.ports, record.name, { type: 'abort', isForced: false }, 'ada');
  await advance(world.ports, record.name, world.nowMs + 60_000);
  expect((await world.ports.store.load(record.name))?.state).toBe('rolledBack');
  expect(world.share()).toBe(0);
});

it('a snapshot that is none is told as unreadable', async () => {
  const { record } = await aBakingRecord();
  for (const snapshot of [null, {}, { value: 'nowhere', context: contextOf(record) }]) {
    expect(() => restoreSnapshot({ ...record, snapshot })).toThrow(UnreadableRecordError);
  }
});
