import { describe, expect, it } from 'vitest';
import { cellsOf } from '../../../src/domain/judge/cells.ts';
import type { Side } from '../../../src/domain/spec.ts';
import type { Sample } from '../../../src/domain/verdict.ts';
import { aSample } from '../../fixtures/builders.ts';

/** Intervals of one instance, one after the other, with ten requests each. */
function intervals(side: Side, count: number, { ms = 5_000, fromMs = 0, instance = `${side}-1` } = {}): Sample[] {
  return Array.from({ length: count }, (_, index) =>
    aSample(side, 10, 1, { instance, ms, fromMs: fromMs + index * ms }),
  );
}

const ends = (samples: readonly Sample[], atMs: number, fromMs = 0) =>
  cellsOf(samples, fromMs, atMs).map((cell) => cell.atMs);
const counted = (samples: readonly Sample[], atMs: number) =>
  cellsOf(samples, 0, atMs).map(({ source, target }) => [source.requests, target.requests]);

describe('a cell', () => {
  it('is there as soon as both sides have told of its time, whichever came last', () => {
    const [source, target] = [intervals('source', 3), intervals('target', 3)];
    expect(counted([...source, ...target], 15_000)).toEqual([
      [10, 10],
      [10, 10],
      [10, 10],
    ]);
    expect(ends([...source, ...target.slice(0, 2)], 15_000)).toEqual([5_000, 10_000]);
  });
  it('waits for an instance that is late, for fifteen seconds and no longer', () => {
    const samples = [...intervals('source', 8), ...intervals('target', 2)];
    expect(ends(samples, 29_999)).toEqual([5_000, 10_000]);
    expect(ends(samples, 30_000)).toEqual([5_000, 10_000, 15_000]);
    expect(ends(samples, 34_999)).toEqual([5_000, 10_000, 15_000]);
  });
  it('waits for as long as nobody tells anything, and then loses nothing', () => {
    const samples = [...intervals('source', 4), ...intervals('target', 4)];
    const [early, rest] = [samples.filter(({ fromMs }) => fromMs < 5_000), samples];
    expect(ends(early, 300_000)).toEqual([5_000]);
    expect(counted(rest, 300_000)).toEqual([
      [10, 10],
      [10, 10],
      [10, 10],
      [10, 10],
    ]);
  });
  it('adds the instances of a side, and waits for no instance that ended long ago', () => {
    const samples = [
      ...intervals('source', 20),
      ...intervals('target', 20),
      ...intervals('target', 2, { instance: 'target-2' }),
    ];
    const cells = cellsOf(samples, 0, 100_000);
    expect(cells.map(({ target }) => target.requests).slice(0, 3)).toEqual([20, 20, 10]);
    expect(cells).toHaveLength(20);
  });
  it('follows the one before without a gap, so that asking twice counts nothing twice', () => {
    const samples = [...intervals('source', 10), ...intervals('target', 10)];
    const all = cellsOf(samples, 0, 50_000);
    const first = cellsOf(samples, 0, 27_000);
    expect([...first, ...cellsOf(samples, first.at(-1)?.atMs ?? 0, 50_000)]).toEqual(all);
  });
  it('does not count again what comes after it was judged', () => {
    const samples = [...intervals('source', 10), ...intervals('target', 10)];
    const late = aSample('target', 1_000, 1_000, { instance: 'target-2', fromMs: 5_000 });
    expect(cellsOf([...samples, late], 30_000, 65_000)).toEqual(cellsOf(samples, 30_000, 65_000));
  });
  it('is as long as the longest interval, so that it holds both sides', () => {
    const samples = [...intervals('source', 24), ...intervals('target', 4, { ms: 30_000 })];
    expect(counted(samples, 120_000)).toEqual([
      [60, 10],
      [60, 10],
      [60, 10],
      [60, 10],
    ]);
  });
  it('knows when its earliest interval began', () => {
    const samples = [...intervals('source', 4, { fromMs: -3_000 }), ...intervals('target', 4)];
    expect(cellsOf(samples, 0, 15_000)[0]).toMatchObject({ fromMs: -3_000, atMs: 5_000, ms: 5_000 });
  });
  it('leaves intervals of the future until their time has come, and takes none longer than five minutes', () => {
    const ahead = [...intervals('source', 4), ...intervals('target', 4, { fromMs: 60_000 })];
    expect(counted(ahead, 20_000).at(-1)).toEqual([10, 0]);
    const long = intervals('target', 1, { ms: 300_001 });
    expect(
      cellsOf([...intervals('source', 70), ...long], 0, 340_000).every(({ target }) => target.requests === 0),
    ).toBe(true);
  });
  it('has slow requests only of the samples that say how many', () => {
    const [said, unsaid] = [aSample('target', 50, 1, { slow: 7 }), aSample('source', 90, 2)];
    expect(cellsOf([said, unsaid], 0, 5_000)[0]?.slow).toEqual({
      source: { requests: 0, errors: 0 },
      target: { requests: 50, errors: 7 },
    });
  });
});
