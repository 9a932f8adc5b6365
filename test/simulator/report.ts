import { migrationMachine } from '../../state-machines/migration.ts';
import { portNames, writingPorts } from './faults.ts';
import { subsetPortNames, subsetWritingPorts } from './subset-faults.ts';

/** Where the machine never rests, so that no commit is made there. */
const passedThrough: ReadonlySet<string> = new Set(['resuming', 'passing', 'advancing']);

const faultKinds = [
  'crash',
  'freeze',
  'lateEffect',
  'lostAnswer',
  'error',
  'error transient',
  'error terminal',
  'slow',
  'outage ack',
  'outage asm',
  'outage clb',
  'outage store',
  'outage chat',
  'outage signals',
  'stall',
  'failover',
  'trigger tick',
  'trigger watchdog',
  'trigger step',
  'engineDead',
  'skew',
  'clockBack',
  'attends',
  'pods',
  'sick',
  'node',
  'drift',
  'fight',
  'followerDrift',
  'fenceLost',
  'clbDrift',
  'listener',
  'signals bad',
  'signals lie',
  'signals lag',
  'signals stop',
  'probe',
  'rescue',
  'start same',
  'start rival',
  'nudge',
  'glass',
  'splitDrift',
  'splitFight',
  'splitFenceLost',
  'subsetPods',
] as const;

/** How a run may come to rest. */
const ends = ['refused', 'rolledBack', 'closed', 'held', 'paused'].map((state) => `end ${state}`);

/** Every word of a person. */
const commands = ['pause', 'resume', 'promote', 'approve', 'abort', 'rollback', 'retry'].map(
  (type) => `command ${type}`,
);

/** What a seed may draw as its migration. */
const migrations = [
  'one route',
  'several routes',
  'sequential',
  'window',
  'several clusters',
  'rehearsal',
  'return',
  'subsets',
  'subsets of two hosts',
  'subsets without a VirtualService',
];

/** Everything that a soak must have met, by what it is. */
function expected(): ReadonlyMap<string, readonly string[]> {
  const crashes = [
    ...[...portNames, ...subsetPortNames].map((port) => `crash before ${port}`),
    ...[...writingPorts, ...subsetWritingPorts].map((port) => `crash after ${port}`),
  ];
  return new Map<string, readonly string[]>([
    ['states', leafStates(migrationMachine.root as unknown as Node).map((state) => `state ${state}`)],
    ['ends', ends],
    ['migrations', migrations.map((what) => `migration ${what}`)],
    ['commands', commands],
    ['faults', faultKinds],
    ['crash points', crashes],
  ]);
}

interface Node {
  readonly path: readonly string[];
  readonly states: Readonly<Record<string, Node>>;
}

function leafStates(node: Node): readonly string[] {
  const children = Object.values(node.states);
  const name = node.path.join('.');
  if (children.length === 0) return passedThrough.has(name) ? [] : [name];
  return children.flatMap(leafStates);
}

/** What was met how often, one line each, and what was not met at all. */
export function coverageReport(counts: ReadonlyMap<string, number>): {
  readonly lines: readonly string[];
  readonly missing: readonly string[];
} {
  const lines: string[] = [];
  const missing: string[] = [];
  for (const [group, names] of expected()) {
    const unmet = names.filter((name) => (counts.get(name) ?? 0) === 0);
    missing.push(...unmet);
    lines.push(`${group}: ${names.length - unmet.length} of ${names.length}`);
    for (const name of names) lines.push(`  ${String(counts.get(name) ?? 0).padStart(9)}  ${name}`);
  }
  for (const prefix of ['transition ', 'history ']) {
    const seen = [...counts].filter(([name]) => name.startsWith(prefix)).sort(([, one], [, other]) => other - one);
    lines.push(`${prefix.trim()}: ${seen.length} kinds`);
    for (const [name, count] of seen) lines.push(`  ${String(count).padStart(9)}  ${name.slice(prefix.length)}`);
  }
  return { lines, missing };
}
