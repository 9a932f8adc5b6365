import { type Random, seededRandom } from '../../src/sandbox/random.ts';
import { chance, pick, type Spell } from './draws.ts';
import type { Fault } from './faults.ts';

const minute = 60_000;
/** Where people are waited for, and what came before is easily taken for what is. */
const waiting = ['progressing.gated', 'paused', 'held'] as const;

type Maker = (random: Random) => Fault;

/** What goes wrong at the moment at which it is most easily missed: a spell that begins with a state, and not at a time. */
const makers: readonly Maker[] = [
  (random) => ({ kind: 'signals', how: 'bad', ...begins(random, waiting, 2 * minute, 4 * minute) }),
  (random) => ({ kind: 'signals', how: 'bad', ...begins(random, waiting, 2 * minute, 4 * minute) }),
  (random) => ({ kind: 'probe', side: 'target', ...begins(random, waiting, minute, 2 * minute) }),
  // What a gateway counts while its first connections are opened.
  (random) => ({ kind: 'signals', how: 'bad', ...begins(random, ['progressing.baking'], 5_000, 40_000), atMs: 0 }),
  (random) => ({ kind: 'signals', how: 'stop', ...begins(random, ['progressing.baking'], 10_000, 2 * minute) }),
  (random) => ({ kind: 'outage', of: 'store', ...begins(random, ['completed'], 3 * minute, 9 * minute) }),
  (random) => ({ kind: 'outage', of: 'store', ...begins(random, ['rollingBack'], minute, 9 * minute) }),
  (random) => ({
    kind: 'outage',
    of: pick(random, ['ack', 'asm', 'clb']),
    ...begins(random, ['rollingBack', 'progressing.shifting', 'closing'], 5_000, 3 * minute),
  }),
  (random) => ({
    kind: 'outage',
    of: 'ack-2',
    ...begins(random, ['progressing.shifting', 'progressing.baking', 'rollingBack'], 5_000, 3 * minute),
  }),
  (random) => ({
    kind: 'stall',
    of: pick(random, ['cloud', 'mesh']),
    ...begins(random, ['rollingBack', 'progressing.shifting'], 5_000, 3 * minute),
  }),
];

function begins(random: Random, states: readonly string[], leastMs: number, mostMs: number): Spell {
  return { upon: pick(random, states), atMs: random.between(0, 5_000), forMs: random.between(leastMs, mostMs) };
}

/** Drawn apart, as everything that came later. */
export function faultsOfMoments(seed: number): readonly Fault[] {
  const random = seededRandom(seed ^ 0x0a0e);
  const restMs = restOf(seed);
  return [
    ...(chance(random, 0.15) ? [pick(random, makers)(random)] : []),
    ...(restMs === null ? [] : [lostAtRest(restMs)]),
  ];
}

/** So long a migration can be undone that the watchdog learns of its arrival, and may forget it; null: it closes soon. */
export function restOf(seed: number): number | null {
  const random = seededRandom(seed ^ 0x0b5e);
  return chance(random, 0.04) ? random.between(8 * minute, 12 * minute) : null;
}

/** The store goes when what has arrived rests, for longer than any watchdog waits. */
function lostAtRest(restMs: number): Fault {
  return { kind: 'outage', of: 'store', upon: 'completed', atMs: restMs / 2, forMs: 10 * minute };
}
