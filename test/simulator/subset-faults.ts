import { type Random, seededRandom } from '../../src/sandbox/random.ts';
import { pick, spell } from './draws.ts';
import type { Fault, FaultKind } from './faults.ts';

/** Calls that only a migration of subsets makes. Apart from the others, so that those are drawn as they were. */
export const subsetPortNames = ['router.readSplit', 'router.lookSplit', 'router.writeSplit'] as const;
export const subsetWritingPorts = ['router.writeSplit'] as const;

/** What somebody does to a subset route. Shares are per cent at `to`. */
export type SubsetFault =
  /** Null: the VirtualService is deleted. */
  | { readonly kind: 'splitDrift'; readonly atMs: number; readonly share: number | null }
  | {
      readonly kind: 'splitFight';
      readonly atMs: number;
      readonly forMs: number;
      readonly share: number;
      readonly everyMs: number;
    }
  | { readonly kind: 'splitFenceLost'; readonly atMs: number }
  /** So many ready pods are left, for a while. */
  | {
      readonly kind: 'subsetPods';
      readonly atMs: number;
      readonly forMs: number;
      readonly of: 'from' | 'to';
      readonly left: number;
    };

/** Who takes the fence away lets in whoever was kept out by it: what they write then is no doing of ours either. */
export const foreignSubsetKinds = [
  'splitDrift',
  'splitFight',
  'splitFenceLost',
  'subsetPods',
] as const satisfies readonly FaultKind[];

/** Done to load balancers, gateways and their pods: where there are none, nothing comes of it. */
const ofRoutes: ReadonlySet<FaultKind> = new Set([
  'pods',
  'sick',
  'node',
  'drift',
  'fight',
  'followerDrift',
  'fenceLost',
  'clbDrift',
  'listener',
]);

const minute = 60_000;
/** A mesh is asked many times and written to a few times. */
const readCall = (random: Random) => ({
  port: pick(random, ['router.readSplit', 'router.readSplit', 'router.lookSplit'] as const),
  nth: 1 + Math.floor(60 * random.next() ** 3),
});
const writeCall = (random: Random) => ({ port: 'router.writeSplit' as const, nth: random.between(1, 8) });

type Maker = (random: Random, safeMs: number) => Fault;

const ours: readonly Maker[] = [
  (random) => ({ kind: 'crash', ...pick(random, [readCall, writeCall])(random), phase: 'before' }),
  (random) => ({ kind: 'crash', port: 'router.lookSplit', nth: random.between(1, 8), phase: 'before' }),
  (random) => ({ kind: 'crash', ...writeCall(random), phase: 'after' }),
  (random) => ({ kind: 'freeze', ...readCall(random), forMs: random.between(5_000, 5 * minute) }),
  (random) => ({ kind: 'freeze', ...writeCall(random), forMs: random.between(5_000, 5 * minute) }),
  (random) => ({ kind: 'lateEffect', ...writeCall(random), byMs: random.between(0, 60_000) }),
  (random) => ({ kind: 'lostAnswer', ...writeCall(random) }),
  (random, safeMs) => ({
    kind: 'error',
    port: pick(random, subsetPortNames),
    rate: pick(random, [0.2, 0.5, 1]),
    isTerminal: random.next() < 0.25,
    ...spell(random, safeMs, 3 * minute),
  }),
  (random, safeMs) => ({ kind: 'outage', of: pick(random, ['asm', 'ack']), ...spell(random, safeMs, 4 * minute) }),
  // A rollback that the mesh holds up for longer than people are left alone.
  (random, safeMs) => ({
    kind: 'outage',
    of: 'asm',
    atMs: random.between(0, safeMs),
    forMs: random.between(600_000, 850_000),
  }),
  (random, safeMs) => ({
    kind: 'person',
    atMs: random.between(0, safeMs / 2),
    command: { type: 'abort', isForced: false },
  }),
];

const foreign: readonly Maker[] = [
  (random, safeMs) => ({
    kind: 'splitDrift',
    atMs: random.between(0, safeMs),
    share: pick(random, [0, 5, 20, 50, 100, null]),
  }),
  (random, safeMs) => ({
    kind: 'splitFight',
    share: pick(random, [0, 30, 100]),
    everyMs: random.between(5_000, minute),
    ...spell(random, safeMs, 4 * minute),
  }),
  (random, safeMs) => ({ kind: 'splitFenceLost', atMs: random.between(0, safeMs) }),
  (random, safeMs) => ({
    kind: 'subsetPods',
    of: pick(random, ['from', 'to']),
    left: pick(random, [0, 0, 1, 2]),
    ...spell(random, safeMs, 4 * minute),
  }),
  // While steps follow each other.
  (random) => ({
    kind: 'subsetPods',
    of: pick(random, ['from', 'to', 'to']),
    left: pick(random, [0, 0, 1]),
    ...spell(random, minute, 4 * minute),
  }),
];

/** The target has no pod when the next step is to come. */
function withoutTarget(random: Random): Fault {
  const [atMs, forMs] = [random.between(2_000, 25_000), random.between(minute, 4 * minute)];
  return { kind: 'subsetPods', of: 'to', left: 0, atMs, forMs };
}

/** What of the faults of a seed means anything to subsets, and more that is about them. */
export function ofSubsets(faults: readonly Fault[], seed: number, safeMs: number): readonly Fault[] {
  const random = seededRandom(seed ^ 0x5b5fa);
  const mood = random.next();
  const makers = mood < 0.1 ? [] : mood < 0.5 ? ours : [...ours, ...foreign, ...foreign];
  const count = makers.length === 0 ? 0 : random.between(1, 5);
  const more = Array.from({ length: count }, () => pick(random, makers)(random, safeMs));
  const apart = seededRandom(seed ^ 0x5b5fb);
  const gone = mood >= 0.5 && apart.next() < 0.3 ? [withoutTarget(apart)] : [];
  return [...faults.filter(({ kind }) => !ofRoutes.has(kind)), ...more, ...gone];
}
