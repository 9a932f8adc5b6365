import { describe, expect, it } from 'vitest';
import type { Spec, Window } from '../../src/domain/spec.ts';
import { beginRecord } from '../../src/engine/step.ts';
import { aProbe, aRoute, aSpec, aStep } from '../fixtures/builders.ts';
import { rows } from './table.ts';
import { endingPlaces, type Walk, walk } from './walk.ts';

const probes = [aProbe({ failures: 1 })];
const gate = { expiresInMs: 7_200_000, onExpiry: 'rollback' } as const;
/** The walk begins on a Thursday at 00:16 (UTC). */
const window: Window = { days: ['thu'], fromMinute: 60, toMinute: 120, zone: 'UTC' };

const rehearsal = 'that is rehearsed';
const specs: Readonly<Record<string, Partial<Spec>>> = {
  [rehearsal]: { steps: [aStep(10)] },
  'with a gate that falls back': { probes, steps: [aStep(10, { gate }), aStep(100)], notify: ['ops'] },
  'that writes its weights again on drift, with a gate that holds, and returns': {
    probes,
    steps: [aStep(10), aStep(50, { gate: { ...gate, onExpiry: 'hold' } })],
    onDrift: 'restore',
    finish: 'return',
  },
  'that goes back on drift, with a deadline before the end of its bake': {
    steps: [aStep(100)],
    onDrift: 'rollback',
    deadlineMs: 40_000,
  },
  'with a window': { steps: [aStep(10), aStep(100)], windows: [window], deadlineMs: 86_400_000 },
};

const walks = new Map<string, Walk>();
function walked(name: string): Walk {
  const known = walks.get(name) ?? walk(aSpec({ routes: [aRoute()], ...specs[name] }), name === rehearsal);
  walks.set(name, known);
  return known;
}

// A walk is seconds of work; on a machine that has much else to do, more.
describe.each(Object.keys(specs))('a migration %s', { timeout: 240_000 }, (name) => {
  it('can be stored, read and gone on with at every point of every path, and does only what the table says', () => {
    expect(walked(name).problems).toEqual([]);
  });
  it('can come to an end from everywhere', () => {
    const all = walked(name);
    const ending = endingPlaces(all);
    expect([...all.places].filter(([key]) => !ending.has(key)).map(([, { path }]) => path)).toEqual([]);
  });
});

it('a record holds of a command its type and its params, and nothing of what xstate hangs onto it', () => {
  const { record } = beginRecord({ spec: aSpec(), run: 'run-1', watchEveryMs: 5_000, atMs: 1_000_000, revision: 7 });
  expect(record.outbox.map(({ effect }) => effect)).toStrictEqual([{ type: 'preflight', params: { question: 1 } }]);
});

describe('all paths together', () => {
  const all = () => Object.keys(specs).map(walked);
  it('come to every state that a migration can rest in', () => {
    const resting = new Set(rows.filter(({ event }) => event !== 'always').map(({ state }) => state));
    const seen = new Set(all().flatMap(({ places }) => [...places.values()].map(({ record }) => record.state)));
    expect([...seen].sort()).toEqual([...resting, 'refused', 'rolledBack', 'closed'].sort());
  });
  it('take every row of the table that leads somewhere else', () => {
    const taken = new Set(all().flatMap(movesOf));
    const rowsOfMoves = rows.filter(
      ({ event, target, state }) => event !== 'always' && target !== '' && target !== state,
    );
    const missing = rowsOfMoves.filter(({ state, event }) => !taken.has(`${state} ${event}`));
    expect(missing.map(({ state, event, target }) => `${state} ${event} -> ${target}`)).toEqual([]);
  });
  it('are more than a person would try', () => {
    const counts = all().map(({ places, edges }) => ({ places: places.size, edges: edges.length }));
    expect(counts.reduce((sum, { edges }) => sum + edges, 0)).toBeGreaterThan(10_000);
  });
});

function movesOf({ places, edges }: Walk): readonly string[] {
  return edges.map(({ from, event }) => `${places.get(from)?.record.state} ${event}`);
}
