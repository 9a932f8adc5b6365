import type { Side } from '../spec.ts';
import type { Sample } from '../verdict.ts';
import { type Batch, type Both, noCount, plus } from './state.ts';

/** Shorter intervals are put together; longer ones make longer cells, so that each holds both sides (docs/judge.md). */
export const cellMs = 5_000;
/** A cell that lacks some of the instances is judged without them after so long; what comes later is not judged any more. */
export const latenessMs = 15_000;
/** An interval is read from its begin on, and nobody reads further back than this. */
export const intervalMsMax = 300_000;
/** An instance that has been silent for so long, and two of its intervals, is not waited for. */
const goneAfterMs = 30_000;
/** More than a day of them. */
const cellsMax = 20_000;

/** What both sides counted in the intervals that ended in one stretch of time. */
export interface Cell extends Batch {
  /** Begin of the earliest interval in it, or of the cell where that is earlier. */
  readonly fromMs: number;
  /** The same for requests that were slow, of the samples that say it. */
  readonly slow: Both;
}

/**
 * Samples as cells, from `fromMs` on, each as soon as every instance that counts has told of it, or when it is too late to
 * wait. Cells follow each other without gaps, so that nothing counts twice; ask again from the end of the last one.
 */
export function cellsOf(samples: readonly Sample[], fromMs: number, atMs: number): readonly Cell[] {
  const fresh = samples.filter((sample) => endOf(sample) > fromMs && sample.ms <= intervalMsMax);
  const byEnd = fresh.toSorted((one, other) => endOf(one) - endOf(other));
  const writers = writersOf(samples.filter(({ ms }) => ms <= intervalMsMax));
  const ms = widthOf(writers);
  const cells: Cell[] = [];
  let next = 0;
  for (let endMs = fromMs + ms; endMs <= atMs && cells.length < cellsMax; endMs += ms) {
    if (!isTold(writers, endMs, ms, atMs)) break;
    let cell: Cell = { ...emptyCell, atMs: endMs, ms, fromMs: endMs - ms };
    for (let sample = byEnd[next]; sample !== undefined && endOf(sample) <= endMs; sample = byEnd[next]) {
      cell = withSample(cell, sample);
      next += 1;
    }
    cells.push(cell);
  }
  return cells;
}

export function endOf({ fromMs, ms }: Sample): number {
  return fromMs + ms;
}

/** One program that counts, for one load balancer where it tells them apart: its newest interval. */
export interface Writer {
  readonly side: Side;
  readonly instance: string;
  readonly ms: number;
  readonly toMs: number;
}

export function writersOf(samples: readonly Sample[]): readonly Writer[] {
  const newest = new Map<string, Writer>();
  for (const sample of samples) {
    const { side, instance, ms, loadBalancer = '' } = sample;
    const key = `${side} ${instance} ${loadBalancer}`;
    const known = newest.get(key);
    if (known === undefined || endOf(sample) > known.toMs) newest.set(key, { side, instance, ms, toMs: endOf(sample) });
  }
  return [...newest.values()];
}

/** As long as the longest interval of those who count now. */
function widthOf(writers: readonly Writer[]): number {
  const newestMs = Math.max(...writers.map(({ toMs }) => toMs));
  const longest = Math.max(cellMs, ...writers.filter((writer) => isCounting(writer, newestMs)).map(({ ms }) => ms));
  return cellMs * Math.ceil(longest / cellMs);
}

function isCounting({ toMs, ms }: Writer, atMs: number): boolean {
  return toMs > atMs - goneAfterMs - 2 * ms;
}

/**
 * Intervals of one instance follow each other: once it told of a later one there is nothing to wait for. Nobody is late
 * where nobody told anything: a source of signals that stands still, and then tells everything, loses nothing.
 */
function isTold(writers: readonly Writer[], endMs: number, cell: number, atMs: number): boolean {
  const counting = writers.filter((writer) => isCounting(writer, endMs - cell));
  if (!counting.some(({ toMs }) => toMs >= endMs)) return false;
  return endMs + latenessMs <= atMs || counting.every(({ toMs }) => toMs >= endMs);
}

const emptyCell = { source: noCount, target: noCount, slow: { source: noCount, target: noCount } };

function withSample(cell: Cell, { side, fromMs, requests, errors, slow }: Sample): Cell {
  const slower =
    slow === undefined ? cell.slow : { ...cell.slow, [side]: plus(cell.slow[side], { requests, errors: slow }) };
  return {
    ...cell,
    fromMs: Math.min(cell.fromMs, fromMs),
    [side]: plus(cell[side], { requests, errors }),
    slow: slower,
  };
}
