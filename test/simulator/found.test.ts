import { expect, it } from 'vitest';
import type { Fault } from './faults.ts';
import { simulate } from './simulation.ts';
import { production } from './wiring.ts';

interface Found {
  readonly name: string;
  readonly seed: number;
  /** Those that are left when every other is taken away. */
  readonly faults: readonly Fault[];
  /** It moves subsets of a host. */
  readonly isOfSubsets?: true;
}

/** What seeds beyond those of every test run have shown, with the faults that it takes. */
const found: readonly Found[] = [
  {
    name: 'a rehearsal does not end while somebody else gives the target traffic',
    seed: 5839,
    faults: [
      { kind: 'fight', side: 'target', weight: '100', everyMs: 20_710, atMs: 52_795, forMs: 215_070 },
      { kind: 'fenceLost', atMs: 143_371, side: 'target' },
      { kind: 'crash', port: 'router.keepBaseline', nth: 1, phase: 'before' },
      { kind: 'stall', of: 'mesh', atMs: 38_271, forMs: 83_087 },
      { kind: 'crash', port: 'store.endLease', nth: 1, phase: 'after' },
    ],
  },
  {
    name: 'an engine that meets a newer fence goes on above it, and not beside its writer',
    seed: 6,
    faults: [{ kind: 'outage', of: 'store', upon: 'completed', atMs: 4_093, forMs: 207_662 }],
    isOfSubsets: true,
  },
  {
    name: 'a writer of a shift that was aborted between its writes does not raise the target beside the source of before',
    seed: 18_735,
    faults: [{ kind: 'person', atMs: 11_938, command: { type: 'abort', isForced: false } }],
  },
  {
    name: 'a start whose answer was lost keeps what its migration holds',
    seed: 23_322,
    faults: [
      { kind: 'lateEffect', port: 'store.release', nth: 1, byMs: 19_889 },
      { kind: 'lostAnswer', port: 'store.commit', nth: 1 },
    ],
  },
  {
    name: 'a rescue at the moment of the last shift leaves no group dark',
    seed: 36_677,
    faults: [{ kind: 'rescue', atMs: 3_945, isForced: false }],
  },
  {
    name: 'a source that others gave a weight that nobody can read is brought back by a rescue all the same',
    seed: 32_078,
    faults: [
      { kind: 'listener', what: 'stopped', atMs: 49_906, forMs: 41_631 },
      { kind: 'drift', atMs: 74_436, side: 'source', weight: '12.5' },
      { kind: 'rescue', atMs: 96_998, isForced: false },
    ],
  },
  {
    name: 'a source that was about to be emptied is told to carry before the target is emptied in writing',
    seed: 9_991,
    faults: [
      { kind: 'outage', of: 'ack', atMs: 9_445, forMs: 213_854 },
      { kind: 'person', atMs: 45_478, command: { type: 'rollback', isForced: true } },
    ],
  },
  {
    name: 'a rescue keeps the shift out before it lowers a source that was raised in writing alone',
    seed: 91_568,
    faults: [
      { kind: 'person', atMs: 25_057, command: { type: 'promote', all: true } },
      { kind: 'rescue', atMs: 31_469, isForced: false },
    ],
  },
  {
    name: 'a migration is not closed as arrived while the watchdog brings it back without the store',
    seed: 9_055,
    faults: [
      { kind: 'freeze', port: 'store.commit', nth: 34, forMs: 73_254 },
      { kind: 'outage', of: 'store', atMs: 127_613, forMs: 94_287 },
    ],
  },
  {
    name: 'what was set straight at the CLB is not undone by a fence on an object that says something else',
    seed: 30_586,
    faults: [
      { kind: 'engineDead', atMs: 117_533, forMs: 553_228 },
      { kind: 'outage', of: 'ack', atMs: 56_461, forMs: 207_558 },
    ],
  },
];

it.each(found)('$name: seed $seed', async ({ seed, faults, isOfSubsets = false }) => {
  const { violations, scenario } = await simulate({ seed, faults, wiring: production });
  // A seed that draws another kind of migration would show nothing.
  expect(scenario.spec.subsets.length > 0).toBe(isOfSubsets);
  expect(violations).toEqual([]);
});
