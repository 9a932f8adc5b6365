import type { PersonCommand } from '../../src/domain/person-command.ts';
import type { Side } from '../../src/domain/spec.ts';
import { type Random, seededRandom } from '../../src/sandbox/random.ts';
import { pick, type Spell, spell } from './draws.ts';
import { faultsOfMoments } from './moments.ts';
import type { Scenario } from './scenario.ts';
import { foreignSubsetKinds, ofSubsets, type SubsetFault, type subsetPortNames } from './subset-faults.ts';

export const portNames = [
  'router.read',
  'router.look',
  'router.write',
  'router.keepBaseline',
  'router.emptyBaseline',
  'router.readBaseline',
  'kept.list',
  'kept.mark',
  'loadBalancer.describeGroups',
  'loadBalancer.describeListeners',
  'loadBalancer.describe',
  'loadBalancer.setWeights',
  'probe.ask',
  'signals.read',
  'notifier.post',
  'invoker.invoke',
  'store.now',
  'store.load',
  'store.commit',
  'store.due',
  'store.claim',
  'store.release',
  'store.lease',
  'store.endLease',
] as const;
export type PortName = (typeof portNames)[number] | (typeof subsetPortNames)[number];

/** Those after whose effect a caller may be lost or lied to. */
export const writingPorts = [
  'router.write',
  'router.keepBaseline',
  'router.emptyBaseline',
  'kept.mark',
  'loadBalancer.setWeights',
  'notifier.post',
  'invoker.invoke',
  'store.commit',
  'store.claim',
  'store.release',
  'store.lease',
  'store.endLease',
] as const satisfies readonly PortName[];

interface Call {
  readonly port: PortName;
  /** 1-based. */
  readonly nth: number;
}

/** One thing that goes wrong, or that somebody does. A run is its seed and a list of these. */
export type Fault =
  /** The invocation that makes the nth call of this port (in the whole run) never goes on: before or after the effect. */
  | ({ readonly kind: 'crash'; readonly phase: 'before' | 'after' } & Call)
  | ({ readonly kind: 'freeze'; readonly forMs: number } & Call)
  /** The caller is told of a time-out, and the effect takes place so much later. */
  | ({ readonly kind: 'lateEffect'; readonly byMs: number } & Call)
  | ({ readonly kind: 'lostAnswer' } & Call)
  | ({ readonly kind: 'error'; readonly port: PortName; readonly rate: number; readonly isTerminal: boolean } & Spell)
  | ({ readonly kind: 'slow'; readonly upToMs: number } & Spell)
  | ({ readonly kind: 'outage'; readonly of: Outage } & Spell)
  | ({ readonly kind: 'stall'; readonly of: 'cloud' | 'mesh' } & Spell)
  | { readonly kind: 'failover'; readonly atMs: number; readonly lostMs: number }
  | ({
      readonly kind: 'trigger';
      readonly of: 'tick' | 'watchdog' | 'step';
      readonly how: 'lost' | 'late' | 'twice';
    } & Spell)
  /** No function of the engine runs: neither tick nor step. */
  | ({ readonly kind: 'engineDead' } & Spell)
  | ({ readonly kind: 'skew'; readonly byMs: number } & Spell)
  /** The clock of every machine steps back, in the middle of whatever runs there. */
  | { readonly kind: 'clockBack'; readonly atMs: number; readonly byMs: number }
  | { readonly kind: 'pods'; readonly atMs: number; readonly side: Side; readonly by: number }
  | ({ readonly kind: 'sick'; readonly side: Side; readonly isAll: boolean } & Spell)
  | ({ readonly kind: 'node' } & Spell)
  | { readonly kind: 'drift'; readonly atMs: number; readonly side: Side; readonly weight: string | null }
  | ({ readonly kind: 'fight'; readonly side: Side; readonly weight: string; readonly everyMs: number } & Spell)
  | { readonly kind: 'followerDrift'; readonly atMs: number; readonly weight: string }
  | { readonly kind: 'fenceLost'; readonly atMs: number; readonly side: Side }
  | { readonly kind: 'clbDrift'; readonly atMs: number; readonly side: Side; readonly weight: number }
  | ({ readonly kind: 'listener'; readonly what: 'stopped' | 'rr' } & Spell)
  | { readonly kind: 'person'; readonly atMs: number; readonly command: PersonCommand }
  /** Somebody who looks every now and then, and answers what waits for a person. */
  | ({
      readonly kind: 'attends';
      readonly everyMs: number;
      readonly answers: Answers;
      /** After the time to undo is over, a rollback is asked for: by somebody who is late, or (below 0) just in time. */
      readonly undoLateByMs: number | null;
    } & Spell)
  | ({ readonly kind: 'signals'; readonly how: 'bad' | 'lie' | 'lag' | 'stop' } & Spell)
  | ({ readonly kind: 'probe'; readonly side: Side } & Spell)
  | { readonly kind: 'start'; readonly atMs: number; readonly who: 'same' | 'rival' }
  | { readonly kind: 'rescue'; readonly atMs: number; readonly isForced: boolean }
  | SubsetFault;

/** By the state that waits; null: it is left alone. */
export type Answers = Readonly<Record<'paused' | 'held' | 'gated' | 'stuck', PersonCommand | null>>;

export type FaultKind = Fault['kind'];
export const outages = ['ack', 'asm', 'clb', 'store', 'chat', 'signals'] as const;
/** The second cluster came later, and is drawn apart. */
export type Outage = (typeof outages)[number] | 'ack-2';

/** Kinds by which others change what we count on: where there is one, a dark or high CLB need not be our doing. */
export const foreignKinds: ReadonlySet<FaultKind> = new Set([
  'pods',
  'sick',
  'node',
  'drift',
  'fight',
  'followerDrift',
  'clbDrift',
  // A writer that was frozen meets nothing any more.
  'fenceLost',
  ...foreignSubsetKinds,
]);

const minute = 60_000;
const sides = ['source', 'target'] as const;

type Maker = (random: Random, safeMs: number) => Fault;

/** Some ports are called three times in a run, and some three hundred times. */
const callOf = (random: Random): Call => ({
  port: pick(random, portNames),
  nth: 1 + Math.floor(60 * random.next() ** 3),
});
const writeOf = (random: Random): Call => ({ ...callOf(random), port: pick(random, writingPorts) });

const ours: readonly Maker[] = [
  (random) => ({ kind: 'crash', ...callOf(random), phase: 'before' }),
  (random) => ({ kind: 'crash', ...writeOf(random), phase: 'after' }),
  (random) => ({ kind: 'freeze', ...callOf(random), forMs: random.between(5_000, 5 * minute) }),
  (random) => ({ kind: 'freeze', ...writeOf(random), forMs: random.between(5_000, 5 * minute) }),
  (random) => ({ kind: 'lateEffect', ...writeOf(random), byMs: random.between(0, 20_000) }),
  (random) => ({ kind: 'lostAnswer', ...writeOf(random) }),
  (random, safeMs) => ({
    kind: 'error',
    port: pick(random, portNames),
    rate: pick(random, [0.2, 0.5, 1]),
    isTerminal: random.next() < 0.25,
    ...spell(random, safeMs, 3 * minute),
  }),
  (random, safeMs) => ({ kind: 'slow', upToMs: random.between(1_000, 15_000), ...spell(random, safeMs, 2 * minute) }),
  (random, safeMs) => ({ kind: 'outage', of: pick(random, outages), ...spell(random, safeMs, 4 * minute) }),
  (random, safeMs) => ({ kind: 'outage', of: 'store', ...spell(random, safeMs, 9 * minute) }),
  (random, safeMs) => ({ kind: 'stall', of: pick(random, ['cloud', 'mesh']), ...spell(random, safeMs, 4 * minute) }),
  // Longer than a rollback may take before people are paged.
  (random, safeMs) => ({
    kind: 'stall',
    of: 'cloud',
    atMs: random.between(0, safeMs),
    forMs: random.between(600_000, 900_000),
  }),
  (random, safeMs) => ({ kind: 'failover', atMs: random.between(0, safeMs), lostMs: random.between(1, 1_000) }),
  (random, safeMs) => ({
    kind: 'trigger',
    of: pick(random, ['tick', 'watchdog', 'step']),
    how: pick(random, ['lost', 'late', 'twice']),
    ...spell(random, safeMs, 5 * minute),
  }),
  (random, safeMs) => ({ kind: 'engineDead', ...spell(random, safeMs, 10 * minute) }),
  (random, safeMs) => ({
    kind: 'skew',
    byMs: random.between(-10 * minute, 10 * minute),
    ...spell(random, safeMs, 10 * minute),
  }),
  (random, safeMs) => ({ kind: 'signals', how: pick(random, ['lag', 'stop']), ...spell(random, safeMs, 3 * minute) }),
  (random, safeMs) => ({ kind: 'start', atMs: random.between(0, safeMs), who: pick(random, ['same', 'rival']) }),
];

const verdicts: readonly Maker[] = [
  (random, safeMs) => ({
    kind: 'signals',
    how: pick(random, ['bad', 'bad', 'lie']),
    ...spell(random, safeMs / 2, 6 * minute),
  }),
  (random, safeMs) => ({ kind: 'probe', side: pick(random, sides), ...spell(random, safeMs, 3 * minute) }),
];

const commands: readonly PersonCommand[] = [
  { type: 'pause' },
  { type: 'resume' },
  { type: 'promote', all: false },
  { type: 'promote', all: true },
  { type: 'approve', gate: null },
  { type: 'approve', gate: 'gate-of-another-run' },
  { type: 'abort', isForced: false },
  { type: 'abort', isForced: false },
  { type: 'abort', isForced: true },
  { type: 'rollback', isForced: false },
  { type: 'rollback', isForced: true },
  { type: 'retry' },
];

const people: readonly Maker[] = [
  (random, safeMs) => ({ kind: 'person', atMs: random.between(0, safeMs), command: pick(random, commands) }),
  (random, safeMs) => ({ kind: 'person', atMs: random.between(0, safeMs / 3), command: pick(random, commands) }),
  (random, safeMs) => ({ kind: 'rescue', atMs: random.between(0, safeMs), isForced: random.next() < 0.2 }),
];

const weights = ['0', '1', '5', '30', '50', '99', '100', null, '12.5', 'abc'] as const;

const foreign: readonly Maker[] = [
  (random, safeMs) => ({
    kind: 'pods',
    atMs: random.between(0, safeMs),
    side: pick(random, sides),
    by: pick(random, [-2, -1, 1, 2]),
  }),
  (random, safeMs) => ({
    kind: 'sick',
    side: pick(random, sides),
    isAll: random.next() < 0.5,
    ...spell(random, safeMs, 3 * minute),
  }),
  (random, safeMs) => ({ kind: 'node', ...spell(random, safeMs, 3 * minute) }),
  (random, safeMs) => ({
    kind: 'drift',
    atMs: random.between(0, safeMs),
    side: pick(random, sides),
    weight: pick(random, weights),
  }),
  (random, safeMs) => ({
    kind: 'fight',
    side: pick(random, sides),
    weight: pick(random, ['0', '50', '100']),
    everyMs: random.between(5_000, minute),
    ...spell(random, safeMs, 4 * minute),
  }),
  (random, safeMs) => ({
    kind: 'followerDrift',
    atMs: random.between(0, safeMs),
    weight: pick(random, ['0', '40', '100']),
  }),
  (random, safeMs) => ({ kind: 'fenceLost', atMs: random.between(0, safeMs), side: pick(random, sides) }),
  (random, safeMs) => ({
    kind: 'clbDrift',
    atMs: random.between(0, safeMs),
    side: pick(random, sides),
    weight: random.between(0, 100),
  }),
  (random, safeMs) => ({
    kind: 'listener',
    what: pick(random, ['stopped', 'rr']),
    ...spell(random, safeMs, 2 * minute),
  }),
];

/** Ports that a run calls a few times at most: a crash there is drawn among its first calls. */
const seldomCalled = [
  'router.keepBaseline',
  'router.emptyBaseline',
  'router.readBaseline',
  'kept.list',
  'kept.mark',
  'loadBalancer.describe',
  'loadBalancer.setWeights',
  'store.claim',
  'store.release',
  'store.lease',
  'store.endLease',
] as const satisfies readonly PortName[];

const added: readonly Maker[] = [
  (random) => ({ kind: 'crash', ...seldom(random), phase: pick(random, ['before', 'after']) }),
  (random) => ({ kind: 'crash', ...seldom(random), phase: pick(random, ['before', 'after']) }),
  (random, safeMs) => ({ kind: 'clockBack', atMs: random.between(0, safeMs), byMs: random.between(1_000, 600_000) }),
];

function seldom(random: Random): Call {
  return { port: pick(random, seldomCalled), nth: random.between(1, 3) };
}

/** The faults of a seed: some runs have none, some only those of our own machinery, some everything. */
export function makeFaults(seed: number, { safeMs, spec }: Pick<Scenario, 'safeMs' | 'spec'>): readonly Fault[] {
  const faults = makeAny(seed, safeMs);
  return spec.subsets.length === 0 ? faults : ofSubsets(faults, seed, safeMs);
}

function makeAny(seed: number, safeMs: number): readonly Fault[] {
  const first = makeFirst(seededRandom(seed ^ 0x5eed), safeMs);
  // Drawn apart, so that the seeds of bugs that were found stay what they are.
  const random = seededRandom(seed ^ 0xadded);
  if (first.length === 0) return first;
  const roll = random.next();
  const more =
    roll < 0.3 ? [pick(random, added)(random, safeMs)] : roll < 0.4 ? pick(random, plots)(random, safeMs) : [];
  const both = seededRandom(seed ^ 0xb07);
  return [
    ...first,
    ...more,
    ...(random.next() < 0.15 ? [attends(random, safeMs)] : []),
    ...(both.next() < 0.06 ? failingBoth(both, safeMs) : []),
    ...faultsOfMoments(seed),
  ];
}

/** What is behind the gateways fails: a probe finds neither side good, the source sooner or later than the target. */
function failingBoth(random: Random, safeMs: number): readonly Fault[] {
  const { atMs, forMs } = spell(random, safeMs / 2, 3 * minute);
  const [source, target] = [random.between(0, 15_000), random.between(0, 15_000)];
  return [
    { kind: 'probe', side: 'source', atMs: atMs + source, forMs: forMs + minute },
    { kind: 'probe', side: 'target', atMs: atMs + target, forMs: forMs + minute },
  ];
}

const attends: Maker = (random, safeMs) => ({
  kind: 'attends',
  everyMs: random.between(5_000, 40_000),
  answers: {
    paused: { type: 'resume' },
    held: pick(random, [{ type: 'resume' }, { type: 'promote', all: false }, { type: 'approve', gate: null }, null]),
    gated: pick(random, [
      { type: 'approve', gate: null },
      { type: 'approve', gate: 'gate-of-another-run' },
      { type: 'promote', all: false },
      null,
    ]),
    stuck: pick(random, [
      { type: 'retry' },
      { type: 'approve', gate: null },
      { type: 'rollback', isForced: true },
      null,
    ]),
  },
  undoLateByMs: random.next() < 0.5 ? pick(random, [random.between(-20, 20), random.between(-30_000, -1_000)]) : null,
  atMs: random.between(0, safeMs / 4),
  forMs: random.between(minute, 15 * minute),
});

/** What has to come together so that seldom things happen. */
const plots: readonly ((random: Random, safeMs: number) => readonly Fault[])[] = [
  // A rollback that cannot end, until people are paged and answer.
  (random, safeMs) => [
    { kind: 'outage', of: 'clb', atMs: 40_000, forMs: random.between(620_000, 800_000) },
    { kind: 'stall', of: 'cloud', atMs: 40_000, forMs: random.between(620_000, 800_000) },
    { kind: 'person', atMs: random.between(40_000, 90_000), command: { type: 'abort', isForced: false } },
    { ...attends(random, safeMs), atMs: 0, forMs: 900_000 } as Fault,
  ],
  // Glass is broken, and whoever does it dies.
  (random) => [
    { kind: 'stall', of: 'cloud', atMs: random.between(5_000, 40_000), forMs: random.between(100_000, 300_000) },
    { kind: 'person', atMs: random.between(20_000, 60_000), command: { type: 'abort', isForced: false } },
    {
      kind: 'crash',
      port: pick(random, ['loadBalancer.setWeights', 'store.lease', 'store.endLease']),
      nth: random.between(1, 3),
      phase: pick(random, ['before', 'after']),
    },
  ],
  // Looks that are answered when the next step is under way.
  (random) =>
    [0, 1, 2].map(() => ({
      kind: 'freeze',
      port: pick(random, ['signals.read', 'probe.ask', 'loadBalancer.describeListeners']),
      nth: random.between(2, 16),
      forMs: random.between(25_000, 100_000),
    })),
  // A person's rescue that ends before it began.
  (random) => [
    { kind: 'rescue', atMs: random.between(10_000, 60_000), isForced: false },
    { kind: 'crash', port: 'router.readBaseline', nth: 1, phase: 'before' },
  ],
];

function makeFirst(random: Random, safeMs: number): readonly Fault[] {
  const mood = random.next();
  const makers =
    mood < 0.05 ? [] : mood < 0.45 ? [...ours, ...verdicts, ...people] : [...ours, ...verdicts, ...people, ...foreign];
  if (makers.length === 0) return [];
  const count = random.between(1, 7);
  return Array.from({ length: count }, () => pick(random, makers)(random, safeMs));
}
