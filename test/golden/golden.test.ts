import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PersonCommand } from '../../src/domain/person-command.ts';
import type { MigrationRecord } from '../../src/domain/record.ts';
import { type Side, sides } from '../../src/domain/spec.ts';
import { advance } from '../../src/engine/advance.ts';
import { allowedVerbs } from '../../src/engine/allowed.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { contextOf, restoreSnapshot } from '../../src/engine/snapshot.ts';
import { viewOf } from '../../src/engine/view.ts';
import { machineVersion } from '../../state-machines/migration.ts';
import { aWorld, type World } from '../fixtures/world.ts';
import { rows } from '../machine/table.ts';

/**
 * Records of released versions, each with the world that it was written in (`node scripts/golden-records.mjs <commit>`).
 * What was under way when the version changed is brought to its end by today's engine, forwards and back.
 */

const name = 'shop-ingress';
const ticksMax = 1_500;

type Golden = Readonly<Record<string, { readonly record: MigrationRecord; readonly world: Partial<World> }>>;

const files = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.json'));
const goldens = files.flatMap((file) => {
  const all = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as Golden;
  return Object.entries(all).map(([recipe, golden]) => ({ title: `${recipe} of ${file}`, ...golden }));
});

async function placedInto(golden: (typeof goldens)[number]): Promise<World> {
  const world = aWorld();
  // Listeners are today's: what a version did not read of them it did not write down either.
  const { side, listeners: _, ...rest } = structuredClone(golden.world);
  Object.assign(world, rest);
  for (const each of sides) {
    // A controller that rests comes back never; JSON has no word for it.
    const arrivesAtMs = side?.[each].arrivesAtMs ?? Number.POSITIVE_INFINITY;
    Object.assign(world.side[each], side?.[each], { arrivesAtMs });
  }
  expect(await world.ports.store.commit(golden.record, 0, [])).toBe(true);
  return world;
}

/** Everything is well again: what was in the way of the record is gone. */
function mend(world: World): void {
  world.probes = { source: true, target: true };
  for (const side of sides) world.side[side].pods = 3;
}

async function tick(world: World): Promise<MigrationRecord> {
  for (const side of ['source', 'target'] satisfies Side[]) await world.count(side, 100, 0);
  await advance(world.ports, name, world.nowMs + 1_000);
  world.nowMs += 1_000;
  return loaded(world);
}

async function loaded(world: World): Promise<MigrationRecord> {
  const record = await world.ports.store.load(name);
  if (record === null) throw new Error('the record is gone');
  return record;
}

async function untilRest(world: World, wayOn: (record: MigrationRecord) => PersonCommand | null): Promise<string> {
  let record = await loaded(world);
  for (let ticks = 0; ticks < ticksMax && !record.isFinal && record.state !== 'completed'; ticks += 1) {
    const command = wayOn(record);
    if (command !== null) await sendCommand(world.ports, name, command, 'ada');
    record = await tick(world);
  }
  return record.state;
}

/** What a person would do to go on. */
function forwards(record: MigrationRecord): PersonCommand | null {
  const cause = contextOf(record).hold?.cause;
  if (record.state === 'paused') return { type: 'resume' };
  if (record.state === 'progressing.gated' || cause === 'gateExpired') return { type: 'approve', gate: null };
  if (cause === 'window') return { type: 'promote', all: false };
  return record.state === 'held' ? { type: 'resume' } : null;
}

function backwards(record: MigrationRecord): PersonCommand | null {
  return allowedVerbs(record.state).includes('abort') ? { type: 'abort', isForced: false } : null;
}

const forwardEnds: Readonly<Record<string, string>> = {
  ...{ refused: 'refused', rolledBack: 'rolledBack', closed: 'closed' },
  ...{ rollingBack: 'rolledBack', stuck: 'rolledBack' },
};
const backwardEnds: Readonly<Record<string, string>> = {
  ...{ 'preflighting.checking': 'refused', 'preflighting.keeping': 'refused', refused: 'refused' },
  ...{ completed: 'completed', closed: 'closed' },
};

describe.each(goldens)('a record that is $title', (golden) => {
  const { record } = golden;
  it('is read: its state, what it knew, and what is new as it is at the beginning', () => {
    const context = contextOf(record);
    const { context: stored } = record.snapshot as { context: Record<string, unknown> };
    const { spec, baseline, verdict, ...rest } = stored;
    expect(context).toMatchObject(rest);
    // Verdicts had another form before there was a judge; the next look gives one.
    const isOfJudge = verdict !== null && 'cause' in (verdict as object);
    expect(context.verdict).toEqual(isOfJudge ? verdict : null);
    expect(context.spec).toMatchObject(spec as object);
    expect(context.baseline).toEqual(baseline === null ? null : expect.objectContaining(baseline));
    expect(Object.values(context)).not.toContain(undefined);
    expect(Object.values(context.spec)).not.toContain(undefined);
    expect(restoreSnapshot(record).context).toEqual(context);
    expect(viewOf(record)).toMatchObject({ name, state: record.state });
  });
  it('goes on to its end', async () => {
    const world = await placedInto(golden);
    mend(world);
    expect(await untilRest(world, forwards)).toBe(forwardEnds[record.state] ?? 'completed');
    const { state } = await loaded(world);
    const last = contextOf(record).spec.steps.at(-1)?.share;
    expect(Math.round(world.share())).toBe(['rolledBack', 'refused'].includes(state) ? 0 : last);
  });
  it('comes back whole', async () => {
    const world = await placedInto(golden);
    mend(world);
    expect(await untilRest(world, backwards)).toBe(backwardEnds[record.state] ?? 'rolledBack');
    expect(Math.round(world.share())).toBe(['completed', 'closed'].includes((await loaded(world)).state) ? 100 : 0);
  });
});

describe('the golden records', () => {
  it('hold every state that a migration rested in when this machine version was first released', () => {
    const resting = rows.filter(({ event }) => event !== 'always').map(({ state }) => state);
    const states = new Set(goldens.map(({ record }) => record.state));
    // A rehearsal, and a way back that is closed before the end, are younger than the first release.
    expect([...new Set(resting)].filter((state) => !states.has(state))).toEqual(['tryingGlass', 'closing']);
    expect(new Set(goldens.map((each) => each.record.machineVersion))).toContain(machineVersion);
  });
});
