import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBaseline, parseBaseline } from '../../src/adapters/kubernetes/baseline-text.ts';
import { decodeEntry, decodeHolder, decodeRecord } from '../../src/adapters/memory/stored-record.ts';
import { checkSamples, fromMember, toMember } from '../../src/adapters/memory/stored-sample.ts';
import type { Baseline } from '../../src/domain/baseline.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import type { Sample } from '../../src/domain/verdict.ts';
import { contextOf, restoreSnapshot } from '../../src/engine/snapshot.ts';
import { fireTimers, stepRecord } from '../../src/engine/step.ts';
import { viewOf } from '../../src/engine/view.ts';
import { InvalidInputError, UnreadableRecordError } from '../../src/ports/errors.ts';
import { aSample } from '../fixtures/builders.ts';
import { type Change, changed, changes, edited, edits, holds, oddText, oddValue, valueOrOurs } from './property.ts';

const golden = JSON.parse(readFileSync(new URL('../golden/v1-bc4ae47.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, { readonly record: MigrationRecord }>
>;
const records = Object.values(golden).map(({ record }) => record);
const aRecord = fc.constantFrom(...records);

/** Reads a stored text as the engine does: what comes out works, or is said to be unreadable, and nothing else. */
async function expectReadOrUnreadable(text: string, { name, revision }: MigrationRecord): Promise<void> {
  const record = await valueOrOurs(() => decodeRecord(name, revision, text));
  if (record instanceof Error) {
    expect(record).toBeInstanceOf(UnreadableRecordError);
    return;
  }
  const snapshot = await valueOrOurs(() => restoreSnapshot(record));
  if (snapshot instanceof Error) {
    expect(snapshot).toBeInstanceOf(UnreadableRecordError);
    return;
  }
  viewOf(record);
  const atMs = record.updatedAtMs + 1_000;
  stepRecord(record, { type: 'abort', isForced: false, actor: 'ada', at: atMs });
  fireTimers(record, atMs);
}

/** Changes of the record itself, its timers, its commands and the outline of its snapshot. */
function outline(record: MigrationRecord, all: readonly Change[]): unknown {
  const { context, value } = record.snapshot as { readonly context: object; readonly value: unknown };
  const kept = { ...record, snapshot: { value, context: '(context)' } };
  const found = changed(kept, all) as unknown as { snapshot?: { context?: unknown } };
  if (found.snapshot?.context === '(context)') found.snapshot.context = context;
  return found;
}

describe('a stored record', () => {
  it('that is half there, or has other letters in it, is read or said to be unreadable', () =>
    holds(200, fc.tuple(aRecord, edits), ([record, all]) =>
      expectReadOrUnreadable(edited(JSON.stringify(record), all), record),
    ));
  it('whose outline was changed is read or said to be unreadable', () =>
    holds(400, fc.tuple(aRecord, changes), ([record, all]) =>
      expectReadOrUnreadable(JSON.stringify(outline(record, all)), record),
    ));
  it('of any value is unreadable', () =>
    holds(200, oddValue, async (value) => {
      const [record] = records as [MigrationRecord];
      const read = await valueOrOurs(() => decodeRecord(record.name, record.revision, JSON.stringify(value) ?? ''));
      expect(read).toBeInstanceOf(UnreadableRecordError);
    }));
  it('has history and holders that are read or said to be unreadable', () =>
    holds(200, oddText, async (text) => {
      await valueOrOurs(() => decodeEntry('shop-ingress', text));
      await valueOrOurs(() => decodeHolder('group rsp-1', text));
    }));
});

const baseline = contextOf(records.find(({ state }) => state === 'paused') as MigrationRecord).baseline as Baseline;

describe('a kept baseline', () => {
  const where = 'ConfigMap sluice-shop-ingress';
  it('is read as it was written', () => expect(parseBaseline(formatBaseline(baseline), where)).toEqual(baseline));
  it('that was changed is one of this format or said to be unreadable, with the place', () =>
    holds(400, fc.tuple(changes, edits, fc.boolean()), async ([all, letters, isText]) => {
      const kept: unknown = JSON.parse(formatBaseline(baseline));
      const text = isText ? edited(JSON.stringify(kept), letters) : JSON.stringify(changed(kept, all));
      const read = await valueOrOurs(() => parseBaseline(text, where));
      if (read instanceof Error) {
        expect(read).toBeInstanceOf(UnreadableRecordError);
        expect(read.message).toContain(where);
        return;
      }
      expect(parseBaseline(formatBaseline(read), where)).toEqual(read);
      expect(read.routes.length + read.subsets.length).toBeGreaterThan(0);
    }));
});

describe('a sample', () => {
  const line = fc.oneof(
    oddText,
    edits.map((all) => edited('target gateway-7c9f 1700000000 5 412 3 lb-1 connections=4', all)),
    fc
      .tuple(fc.nat(1e12), fc.double({ min: 0, max: 99_999, noNaN: true }), fc.nat(), fc.nat())
      .map((all) => `source a ${all.join(' ')}`),
  );
  it('of any line is none, or one that every store takes and writes the same way', () =>
    holds(500, line, (member) => {
      const sample = fromMember(member);
      if (sample === null) return;
      checkSamples([sample]);
      expect(fromMember(toMember(sample))).toEqual(sample);
    }));
  it('with changed numbers is refused with its place, or read as it was written', () =>
    holds(300, changes, async (all) => {
      const sample = changed(aSample('source', 10, 1, { loadBalancer: 'lb-1', connections: 2 }), all) as Sample;
      const refused = await valueOrOurs(() => checkSamples([sample]));
      if (refused instanceof Error) {
        expect(refused).toBeInstanceOf(InvalidInputError);
        expect(refused.message).toContain('samples[0]');
      }
    }));
});
