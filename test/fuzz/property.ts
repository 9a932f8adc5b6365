import fc from 'fast-check';
import { vi } from 'vitest';
import {
  ConflictError,
  FencedError,
  InvalidInputError,
  NotAllowedError,
  NotFoundError,
  TerminalError,
  TransientError,
  UnreadableRecordError,
} from '../../src/ports/errors.ts';

/** `npm run fuzz -- --runs 100000 [--seed 7]` sets both; `npm test` runs a few of one fixed seed. */
const wantedRuns = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 0);
const seed = Number(process.env['SLUICE_FUZZ_SEED'] ?? 1);

/** A run that takes this long hangs, whatever it does: bounds keep every parser far below. */
const hangMs = 10_000;

// A machine with much else to do needs minutes for what is seconds of work, and a hundred thousand runs need hours.
vi.setConfig({ testTimeout: wantedRuns > 0 ? 24 * 3_600_000 : 240_000 });

/** @param runs in `npm test`; with `npm run fuzz` as many as were asked for */
export async function holds<T>(
  runs: number,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => void | Promise<void>,
): Promise<void> {
  const property = fc.asyncProperty(arbitrary, async (value) => {
    await check(value);
  });
  await fc.assert(property, { seed, numRuns: wantedRuns || runs, timeout: hangMs });
}

const ours = [
  ...[InvalidInputError, TransientError, TerminalError, FencedError, ConflictError],
  ...[UnreadableRecordError, NotFoundError, NotAllowedError],
];

/** The value, or the error where it is one that the ports know; whatever else is thrown is a crash. */
export async function valueOrOurs<T>(work: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && ours.some((kind) => error instanceof kind)) return error;
    throw error;
  }
}

/** Texts that parsers have stumbled over before, and others. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '0',
    '-1',
    '1e999',
    'null',
    '~',
    '__proto__',
    'constructor',
    '\u0000',
    '\ufeff',
    '💧',
    '%00',
  ),
  fc.constantFrom('{', '[', '}', '"', "'", ': ', '- ', '&a', '*a', '!!js/function x', '|', '---', '#', '\t', '\r\n'),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 0.5, 1e21, Number.MAX_SAFE_INTEGER + 2, '', [], {}, [[]], [null]),
  oddText,
  fc.jsonValue({ maxDepth: 4 }),
);

export interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly paste: string;
}

/** A few edits of a text, as typing errors and broken transfers make them. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(30), paste: oddText }),
  { minLength: 1, maxLength: 4 },
);

export function edited(text: string, all: readonly Edit[]): string {
  return all.reduce((before, { at, cut, paste }) => {
    const from = Math.floor(at * before.length);
    return before.slice(0, from) + paste + before.slice(from + cut);
  }, text);
}

export interface Change {
  /** Picks one of the places of a value. */
  readonly place: number;
  readonly by: 'replace' | 'remove' | 'add';
  readonly key: string;
  readonly value: unknown;
}

/** A few changes of a value anywhere in it. */
export const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    by: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const),
    key: oddText,
    value: oddValue,
  }),
  { minLength: 1, maxLength: 3 },
);

/** A copy with the changes made. */
export function changed<T>(value: T, all: readonly Change[]): T {
  const copy = structuredClone(value);
  for (const { place, by, key, value: given } of all) {
    const places = placesIn(copy);
    const found = places[Math.floor(place * places.length)];
    if (found === undefined) continue;
    const { holder, name } = found;
    if (by === 'remove') delete holder[name];
    else if (by === 'replace') holder[name] = structuredClone(given);
    else holder[Array.isArray(holder) ? holder.length : key] = structuredClone(given);
  }
  return copy;
}

type Holder = Record<string | number, unknown>;

function placesIn(value: unknown): readonly { readonly holder: Holder; readonly name: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, own]) => [{ holder: value as Holder, name }, ...placesIn(own)]);
}
