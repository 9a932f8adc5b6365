import { performance } from 'node:perf_hooks';
import type { Backend, BackendMode } from '../src/domain/backend-weights.ts';
import { remediesFor } from '../src/domain/remedy.ts';
import { type BackendSet, nearestPair, type PortShape } from '../src/domain/share.ts';
import { anObservation } from '../test/fixtures/builders.ts';

/** How long the search over 101 x 101 weight pairs takes, for the 200 backends that a CLB can have. */

const limitMs = 2;
const rounds = 200;

const shapes: readonly (readonly [string, PortShape])[] = [
  ['100 + 100 pods', { source: set('eni', 100), target: set('eni', 100) }],
  ['100 + 100 nodes', { source: set('cluster', 100), target: set('cluster', 100) }],
  ['199 + 1 pods', { source: set('eni', 199), target: set('eni', 1) }],
  ['199 + 1 nodes, Local', { source: set('local', 199), target: set('local', 1) }],
  ['100 + 100 nodes, Local', { source: set('local', 100), target: set('local', 100) }],
  // Every weight gives other sums: no pair can be left out of the search.
  ['1 + 1 pods', { source: set('eni', 1), target: set('eni', 1) }],
];

export async function run(): Promise<void> {
  console.log(`Search of the nearest of 101 x 101 weight pairs, every share from 1 to 99 per cent, ${rounds} rounds`);
  let slowest = 0;
  for (const [name, shape] of shapes) {
    const one = measure((asked) => nearestPair(asked, [shape]));
    slowest = Math.max(slowest, one.median);
    console.log(`${name.padEnd(24)} median ${show(one.median)}  p99 ${show(one.p99)}`);
  }
  const hopeless = remedyCase();
  const remedies = measure((asked) => remediesFor(asked, hopeless, 0.01), 10);
  console.log(`${'all remedies, 100 + 100'.padEnd(24)} median ${show(remedies.median)}  p99 ${show(remedies.p99)}`);
  const isWithin = slowest < limitMs;
  console.log(`slowest median ${show(slowest)}, limit ${limitMs} ms: ${isWithin ? 'within' : 'NOT within'}`);
  if (!isWithin) process.exitCode = 1;
}

function measure(work: (asked: number) => unknown, count = rounds): { readonly median: number; readonly p99: number } {
  const times: number[] = [];
  for (let round = 0; round < count + 20; round += 1) {
    const began = performance.now();
    work(1 + (round % 99));
    // The first ones are compiled while they run.
    if (round >= 20) times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(count / 2)] ?? 0, p99: times[Math.floor(count * 0.99)] ?? 0 };
}

function set(mode: BackendMode, count: number): readonly BackendSet[] {
  return [{ mode, backends: backends(count) }];
}

function backends(count: number): readonly Backend[] {
  return Array.from({ length: count }, (_, index) => ({ address: `i-${index}`, pods: 1 + (index % 7) }));
}

function remedyCase() {
  const seen = anObservation({ weight: '100', pods: 100 }, { weight: '0', pods: 100 });
  const changed = (mode: BackendMode) => (reading: typeof seen.source) => ({
    ...reading,
    services: reading.services.map((service) => ({ ...service, mode, backends: backends(100) })),
  });
  return { ...seen, source: changed('cluster')(seen.source), target: changed('local')(seen.target) };
}

function show(ms: number): string {
  return `${ms.toFixed(3)} ms`;
}
